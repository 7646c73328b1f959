#!/usr/bin/env bash
# Deletes the kind cluster, its volumes and this machine's routes to its pods. Images and built programs stay.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

delete_cluster() {
  local range
  for range in $(kubectl get nodes -o jsonpath='{.items[*].spec.podCIDR}' --request-timeout=5s); do
    [[ $EUID -ne 0 ]] || ip route del "$range" || true
  done
  kind delete cluster --name "$KIND_CLUSTER_NAME" --kubeconfig "$KUBECONFIG"
}

docker info >/dev/null 2>&1 || die "Docker does not answer, so its containers cannot be deleted. Start it (make cluster does) and run this again."
if cluster_exists; then
  step "delete cluster $KIND_CLUSTER_NAME" delete_cluster
else
  done_step "there is no cluster $KIND_CLUSTER_NAME" "$SECONDS"
fi
