# shellcheck shell=bash
# Where this project keeps what it builds, and which cluster its commands speak to.
# Meant to be sourced: `source e2e/cluster/env.sh`, then `kubectl get nodes`.

export CRYPTOPIPELINE_CACHE="${CRYPTOPIPELINE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cryptopipeline}"
export KIND_CLUSTER_NAME="${KIND_CLUSTER_NAME:-cryptopipeline}"
# A file of its own, so that no test can ever reach a cluster named in ~/.kube/config.
export KUBECONFIG="$CRYPTOPIPELINE_CACHE/$KIND_CLUSTER_NAME.kubeconfig"
case ":$PATH:" in
*":$CRYPTOPIPELINE_CACHE/bin:"*) ;;
*) export PATH="$CRYPTOPIPELINE_CACHE/bin:$PATH" ;;
esac
