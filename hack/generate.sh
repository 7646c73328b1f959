#!/usr/bin/env bash
# Writes what is generated from the API types: the chart's CRD, docs/crd-reference.md, and the table of reasons in docs/operations.md.
# That they are fresh is a test of the crds crate.
set -euo pipefail
source "$(dirname "$0")/../e2e/cluster/lib.sh"
cd "$repo_dir"

# generate PROGRAM FILE: replaced only when the program has succeeded.
generate() {
  local fresh
  fresh=$(mktemp)
  cargo run --locked --bin "$1" >"$fresh"
  cat "$fresh" >"$2"
  rm -f "$fresh"
}

# generate_table: between its two marks.
generate_table() {
  local table
  table=$(cargo run --locked --bin reasondoc)
  TABLE=$table perl -0pi -e 's/(<!-- Generated from crds\/src\/reason\/list.rs.*?-->\n).*?(<!-- end of what)/$1\n$ENV{TABLE}\n\n$2/s' docs/operations.md
}

step "write helm/cryptopipeline/files/crd.yaml" generate crdgen helm/cryptopipeline/files/crd.yaml
step "write docs/crd-reference.md" generate crddoc docs/crd-reference.md
step "write the reasons in docs/operations.md" generate_table
