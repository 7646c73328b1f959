#!/usr/bin/env bash
# Builds the images of images/ whose inputs have changed, and loads into the cluster what its nodes do not have yet.
# Arguments are the names of images to build; without any, all of them.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

images_dir=$repo_dir/images
inputs_label=dev.cryptopipeline.inputs
contexts=$(mktemp -d)
trap 'rm -rf "$contexts"' EXIT

# inputs_of PARENT FILE...: stands for everything an image is made of.
inputs_of() {
  local parent=$1
  shift
  { docker image inspect -f '{{.Id}}' "$parent" && cat "$@"; } | fingerprint
}

# up_to_date TAG INPUTS
up_to_date() {
  [[ $(docker image inspect -f "{{index .Config.Labels \"$inputs_label\"}}" "$1" 2>/dev/null) == "$2" ]]
}

# docker_build NAME TAG INPUTS CONTEXT
docker_build() {
  docker build --network host --label "$inputs_label=$3" -f "$images_dir/$1/Dockerfile" -t "$2" "$4"
}

image_size() {
  docker image inspect -f '{{.Size}}' "$1" | awk '{printf "%.0f MB", $1 / 1e6}'
}

# plain_image NAME TAG PARENT: an image made of its Dockerfile alone.
plain_image() {
  local inputs
  inputs=$(inputs_of "$3" "$images_dir/$1/Dockerfile")
  up_to_date "$2" "$inputs" || step "build $2" docker_build "$1" "$2" "$inputs" "$images_dir/$1"
}

build_engine() {
  mvn -B -ntp -f "$images_dir/$1/pom.xml" -Dcontext="$contexts/$1" package
  rm -rf "$contexts/$1/target"
  docker_build "$1" "$2" "$3" "$contexts/$1"
}

# engine NAME: jars named by its pom, on the Java runtime. The pom's own version is the engine's.
engine() {
  local version tag inputs
  version=$(sed -n '/<artifactId>/{n; s/.*<version>\(.*\)<\/version>.*/\1/p; q}' "$images_dir/$1/pom.xml")
  tag=$IMAGE_PREFIX/$1:$version
  inputs=$(inputs_of "$jre" "$images_dir/$1"/{Dockerfile,pom.xml})
  if ! up_to_date "$tag" "$inputs"; then
    require mvn maven openjdk-17-jdk-headless
    step "build $tag" build_engine "$1" "$tag" "$inputs"
  fi
  tags+=("$tag")
}

# rust NAME PROGRAM...: release binaries on the base image.
rust() {
  local name=$1 tag inputs
  shift
  set -- "${@/#/$release/}"
  tag=$IMAGE_PREFIX/$name:$workspace_version
  inputs=$(inputs_of "$base" "$images_dir/$name/Dockerfile" "$@")
  if ! up_to_date "$tag" "$inputs"; then
    mkdir -p "$contexts/$name"
    cp "$@" "$contexts/$name/"
    step "build $tag" docker_build "$name" "$tag" "$inputs" "$contexts/$name"
  fi
  tags+=("$tag")
}

build_binaries() {
  cd "$repo_dir"
  cargo build --release --locked --bins --workspace
}

wanted() {
  ((${#names[@]} == 0)) || [[ " ${names[*]} " == *" $1 "* ]]
}

names=("$@")
tags=()
base=$IMAGE_PREFIX/base:bookworm
jre=$IMAGE_PREFIX/jre:17

"$cluster_dir/docker.sh"
"$cluster_dir/base-image.sh"
plain_image base "$base" "$BASE_IMAGE"

for name in kafka cassandra hadoop; do
  wanted "$name" || continue
  plain_image jre "$jre" "$base"
  engine "$name"
done

if wanted operator || wanted workers || wanted exchange-sim; then
  command -v cargo >/dev/null || die "cargo is needed to build the Rust images. Install Rust with rustup (rust-toolchain.toml names the version) and run this again."
  metadata=$(cd "$repo_dir" && cargo metadata --format-version 1 --no-deps --locked)
  workspace_version=$(jq -r '.packages[] | select(.name == "operator").version' <<<"$metadata")
  release=$(release_folder)
  # Binaries made elsewhere are taken as they are.
  [[ -n ${RUST_BINARIES:-} ]] || step "build release binaries" build_binaries
  ! wanted operator || rust operator operator crdgen
  ! wanted workers || rust workers ingest processor auditor compactor replay-dlq
  ! wanted exchange-sim || rust exchange-sim exchange-sim
fi

for tag in "${tags[@]}"; do
  printf '  %-50s %s\n' "$tag" "$(image_size "$tag")"
done
done_step "images are built" "$SECONDS"
! cluster_exists || "$cluster_dir/load-images.sh" "${tags[@]}"
