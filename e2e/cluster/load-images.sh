#!/usr/bin/env bash
# Loads the given images into every worker node that lacks one of them. Docker writes them out once, with layers that they share
# written once, and all nodes read at the same time.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

# lacking NODE IMAGE...: those that NODE does not have under this name with this very content.
lacking() {
  local node=$1 image present
  shift
  present=$(docker exec "$node" crictl images -o json | jq -r '.images[] | .id as $id | .repoTags[]? | "\(.) \($id)"')
  for image in "$@"; do
    grep -qxF "$image $(docker image inspect -f '{{.Id}}' "$image")" <<<"$present" || echo "$image"
  done
}

import() {
  docker exec -i "$1" ctr -n k8s.io images import --digests --all-platforms --snapshotter overlayfs -
}

load() {
  local pipes pids=() node
  pipes=$(mktemp -d)
  for node in "${targets[@]}"; do
    mkfifo "$pipes/$node"
    import "$node" <"$pipes/$node" &
    pids+=($!)
  done
  docker save "${missing[@]}" | tee "${targets[@]/#/$pipes/}" >/dev/null
  for pid in "${pids[@]}"; do wait "$pid"; done
  rm -r "$pipes"
}

targets=()
missing=()
for node in $(node_containers label=io.x-k8s.kind.role=worker); do
  mapfile -t absent < <(lacking "$node" "$@")
  ((${#absent[@]} > 0)) || continue
  targets+=("$node")
  missing+=("${absent[@]}")
done
if ((${#missing[@]} == 0)); then
  done_step "every worker node has the images" "$SECONDS"
  exit
fi
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
step "load ${#missing[@]} images into ${#targets[@]} nodes" load
