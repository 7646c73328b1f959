#!/usr/bin/env bash
# Writes the files that are generated from the API types: the chart's CRD and docs/crd-reference.md.
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

step "write helm/cryptopipeline/files/crd.yaml" generate crdgen helm/cryptopipeline/files/crd.yaml
step "write docs/crd-reference.md" generate crddoc docs/crd-reference.md
