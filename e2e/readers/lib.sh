# shellcheck shell=bash
# What the scripts here share, besides what all scripts share. Meant to be sourced.

source "$(dirname "${BASH_SOURCE[0]}")/../cluster/lib.sh"
# shellcheck disable=SC2034  # read by the scripts that source this file
readers_dir=$repo_dir/e2e/readers
inputs_label=dev.cryptopipeline.inputs
# shellcheck disable=SC2034
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$repo_dir/Cargo.toml" | head -n 1)

# pip_install TARGET REQUIREMENTS: packages for the images' Python, whatever this machine's is.
pip_install() {
  python3 -m pip install -q --disable-pip-version-check --no-compile --target "$1" --only-binary=:all: \
    --python-version 3.11 --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
    -r "$2"
}

# is_of TAG INPUTS: was the image made of these?
is_of() {
  [[ $(docker image inspect -f "{{index .Config.Labels \"$inputs_label\"}}" "$1" 2>/dev/null) == "$2" ]]
}
