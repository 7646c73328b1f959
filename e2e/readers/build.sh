#!/usr/bin/env bash
# Builds the image of the Python readers when its inputs have changed, and loads it into the cluster.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

# What goes into the image besides the packages.
files=("$readers_dir"/{candles,looks,read,webhdfs}.py "$repo_dir/e2e/candles/expected.py" "$repo_dir/docs/querying.md")
tag=$IMAGE_PREFIX/readers:$version

build() {
  local context
  context=$(mktemp -d)
  # shellcheck disable=SC2064  # the folder of now is the one to remove
  trap "rm -rf '$context'" EXIT
  pip_install "$context/packages" "$readers_dir/requirements.txt"
  cp "${files[@]}" "$context/"
  docker build --network host --label "$inputs_label=$inputs" -f "$readers_dir/Dockerfile" -t "$tag" "$context"
}

base=$IMAGE_PREFIX/base:bookworm
inputs=$({ docker image inspect -f '{{.Id}}' "$base" && cat "$readers_dir"/{Dockerfile,requirements.txt} "${files[@]}"; } | fingerprint)
if ! is_of "$tag" "$inputs"; then
  python3 -m pip --version >/dev/null 2>&1 || require pip python3-pip
  step "build $tag" build
fi
"$cluster_dir/load-images.sh" "$tag"
