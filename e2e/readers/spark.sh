#!/usr/bin/env bash
# Runs spark.py for a pipeline: spark.sh CONFIG, the auditor's configuration. Its image is built when its inputs have changed; for
# that the readers' image must be there. It weighs 800 MB and is not loaded into the cluster: the container uses the network of
# a node and the cluster's DNS.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

readers=$IMAGE_PREFIX/readers:$version
tag=$IMAGE_PREFIX/spark:$version

build() {
  local context
  context=$(mktemp -d)
  # shellcheck disable=SC2064  # the folder of now is the one to remove
  trap "rm -rf '$context'" EXIT
  pip_install "$context/packages" "$readers_dir/spark-wheels.txt"
  # The registry has its source alone, which is Python and jars: the same for every machine.
  python3 -m pip install -q --disable-pip-version-check --no-compile --no-deps --target "$context/spark" -r "$readers_dir/spark-source.txt"
  cp "$readers_dir/spark.py" "$context/"
  docker build --build-arg "READERS=$readers" --label "$inputs_label=$inputs" -f "$readers_dir/spark.Dockerfile" -t "$tag" "$context"
}

inputs=$({ docker image inspect -f '{{.Id}}' "$readers" && cat "$readers_dir"/spark{.Dockerfile,.py,-wheels.txt,-source.txt}; } | fingerprint)
is_of "$tag" "$inputs" || step "build $tag" build

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cp "$1" "$folder/config.yaml"
echo "nameserver $(kubectl -n kube-system get service kube-dns -o jsonpath='{.spec.clusterIP}')" >"$folder/resolv.conf"
chmod 644 "$folder"/*
node=$(node_containers label=io.x-k8s.kind.role=worker | head -n 1)
docker run --rm --network "container:$node" -v "$folder/resolv.conf:/etc/resolv.conf:ro" -v "$folder/config.yaml:/etc/cryptopipeline/config.yaml:ro" \
  "$tag" python3 /opt/readers/spark.py
