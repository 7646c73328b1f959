#!/usr/bin/env bash
# Installs or upgrades the operator from this checkout's chart.
set -euo pipefail
source "$(dirname "$0")/cluster/lib.sh"

deployment=deployment/cryptopipeline-operator
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$repo_dir/Cargo.toml" | head -n 1)

install() {
  helm upgrade --install cryptopipeline "$repo_dir/helm/cryptopipeline" \
    --namespace cryptopipeline-system --create-namespace --wait --timeout 3m
  # A version is built many times while it is worked on; the image's id makes the pods follow.
  kubectl -n cryptopipeline-system patch "$deployment" --type merge --patch \
    "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{\"cryptopipeline.dev/image-id\":\"$(image_id)\"}}}}}"
  kubectl -n cryptopipeline-system rollout status "$deployment" --timeout=3m
}

image_id() {
  docker image inspect -f '{{.Id}}' "$IMAGE_PREFIX/operator:$version"
}

step "install the operator's chart" install
