#!/usr/bin/env bash
# Connects pods of different nodes, and this machine to pods. kind's own network (the DaemonSet kindnet) is an image that has to be
# pulled; where the node image was built here, each node gets a bridge-less point-to-point network and static routes instead.
# Docker deals out addresses anew when it restarts, so this runs on every `make cluster`. NetworkPolicy is not enforced.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

pod_cidr=$(kubectl -n kube-system get configmap kubeadm-config -o jsonpath='{.data.ClusterConfiguration}' | sed -n 's/^ *podSubnet: *//p')
declare -A cidr address
while read -r node range; do
  cidr[$node]=$range
  address[$node]=$(docker inspect -f '{{(index .NetworkSettings.Networks "kind").IPAddress}}' "$node")
done < <(kubectl get nodes -o json | jq -r '.items[] | "\(.metadata.name) \(.spec.podCIDR)"')

cni_config() {
  jq -n --arg subnet "$1" '{
    cniVersion: "0.4.0", name: "pods",
    plugins: [
      {type: "ptp", ipMasq: false, mtu: 1500,
       ipam: {type: "host-local", dataDir: "/run/cni-ipam-state", routes: [{dst: "0.0.0.0/0"}], ranges: [[{subnet: $subnet}]]}},
      {type: "portmap", capabilities: {portMappings: true}}
    ]}'
}

# node_commands NODE: what NODE runs. Pods keep their own address towards other pods (HDFS knows DataNodes by it) and
# take their node's only towards the world outside.
node_commands() {
  local other rule="POSTROUTING -s ${cidr[$1]} ! -d $pod_cidr -j MASQUERADE"
  printf 'mkdir -p /etc/cni/net.d && cat >/etc/cni/net.d/10-pods.conflist <<CONFIG\n%s\nCONFIG\n' "$(cni_config "${cidr[$1]}")"
  printf 'iptables -t nat -C %s 2>/dev/null || iptables -t nat -A %s\n' "$rule" "$rule"
  for other in "${!cidr[@]}"; do
    [[ $other == "$1" ]] || printf 'ip route replace %s via %s\n' "${cidr[$other]}" "${address[$other]}"
  done
}

if ! kubectl -n kube-system get daemonset kindnet >/dev/null 2>&1; then
  pids=()
  for node in "${!cidr[@]}"; do
    node_commands "$node" | docker exec -i "$node" bash -e &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid"; done
fi

if [[ $EUID -eq 0 && $(uname) == Linux ]]; then
  for node in "${!cidr[@]}"; do
    ip route replace "${cidr[$node]}" via "${address[$node]}"
  done
else
  echo "not root: this machine gets no routes to pods, use kubectl port-forward"
fi
