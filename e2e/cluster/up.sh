#!/usr/bin/env bash
# Brings up the kind cluster of kind-config.yaml, or repairs the one there is. Safe to run again at any time.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

create_cluster() {
  local image config
  image=$(<"$CRYPTOPIPELINE_CACHE/node-image")
  config=$(mktemp)
  cp "$repo_dir/kind-config.yaml" "$config"
  # An image built here has no network plugin of kind's inside; pod-network.sh brings one.
  [[ $image == kindest/* ]] || printf 'networking:\n  disableDefaultCNI: true\n' >>"$config"
  kind create cluster --name "$KIND_CLUSTER_NAME" --image "$image" --config "$config" --kubeconfig "$KUBECONFIG"
  rm -f "$config"
}

start_nodes() {
  local stopped
  mapfile -t stopped < <(node_containers status=exited status=created)
  ((${#stopped[@]} == 0)) || docker start "${stopped[@]}"
  kind export kubeconfig --name "$KIND_CLUSTER_NAME" --kubeconfig "$KUBECONFIG"
  timeout 180 bash -c 'until kubectl get --raw /readyz; do sleep 1; done'
}

# every_kubelet_reports: after a restart the last known "Ready" of a node is old news; a fresh lease is not.
every_kubelet_reports() {
  kubectl -n kube-node-lease get leases -o json \
    | jq -e 'all(.items[]; (.spec.renewTime | sub("\\..*"; "Z") | fromdate) > now - 20)'
}

await_cluster() {
  local deadline=$((SECONDS + 240))
  until every_kubelet_reports; do
    ((SECONDS < deadline)) || return 1
    sleep 1
  done
  kubectl wait --for=condition=Ready nodes --all --timeout=240s
  kubectl -n kube-system wait pod -l tier=control-plane --for=condition=Ready --timeout=240s
  kubectl -n kube-system rollout status deployment/coredns --timeout=240s
  kubectl -n local-path-storage rollout status deployment/local-path-provisioner --timeout=240s
}

"$cluster_dir/docker.sh"
"$cluster_dir/tools.sh"
if cluster_exists; then
  step "start nodes, API server answers" start_nodes
else
  "$cluster_dir/node-image.sh"
  step "create cluster" create_cluster
fi
step "connect pods" "$cluster_dir/pod-network.sh"
step "nodes, DNS and storage are ready" await_cluster
done_step "cluster $KIND_CLUSTER_NAME is up" "$SECONDS" "kubectl --kubeconfig $KUBECONFIG get nodes"
