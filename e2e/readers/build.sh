#!/usr/bin/env bash
# Builds the image of the Python readers when its inputs have changed, and loads it into the cluster.
set -euo pipefail
source "$(dirname "$0")/../cluster/lib.sh"

readers_dir=$repo_dir/e2e/readers
# What goes into the image besides the packages.
files=("$readers_dir"/*.py "$repo_dir/e2e/candles/expected.py" "$repo_dir/docs/querying.md")
inputs_label=dev.cryptopipeline.inputs
tag=$IMAGE_PREFIX/readers:$(sed -n 's/^version = "\(.*\)"/\1/p' "$repo_dir/Cargo.toml" | head -n 1)

build() {
  local context
  context=$(mktemp -d)
  # shellcheck disable=SC2064  # the folder of now is the one to remove
  trap "rm -rf '$context'" EXIT
  # Packages for the image's Python, whatever this machine's is.
  python3 -m pip install -q --disable-pip-version-check --no-compile --target "$context/packages" --only-binary=:all: \
    --python-version 3.11 --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
    -r "$readers_dir/requirements.txt"
  cp "${files[@]}" "$context/"
  docker build --network host --label "$inputs_label=$inputs" -f "$readers_dir/Dockerfile" -t "$tag" "$context"
}

base=$IMAGE_PREFIX/base:bookworm
inputs=$({ docker image inspect -f '{{.Id}}' "$base" && cat "$readers_dir"/{Dockerfile,requirements.txt} "${files[@]}"; } | fingerprint)
if [[ $(docker image inspect -f "{{index .Config.Labels \"$inputs_label\"}}" "$tag" 2>/dev/null) != "$inputs" ]]; then
  python3 -m pip --version >/dev/null 2>&1 || require pip python3-pip
  step "build $tag" build
fi
"$cluster_dir/load-images.sh" "$tag"
