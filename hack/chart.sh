#!/usr/bin/env bash
# Checks the chart with its defaults and with every preset. With --cluster the rendered objects are also put before the
# API server as a dry run.
set -euo pipefail
source "$(dirname "$0")/../e2e/cluster/lib.sh"

chart=$repo_dir/helm/cryptopipeline
# A helm built from source takes itself for one of Kubernetes 1.20.
kube=(--kube-version "$KUBERNETES_VERSION")

# Each line: the arguments of one way to install the chart.
variants() {
  echo
  echo "--set watchNamespace=default"
  echo "--set metrics.serviceMonitor.enabled=true --set replicas=1"
  for preset in "$chart"/values-*.yaml; do
    echo "--values $preset"
  done
}

lint() {
  local arguments
  while read -ra arguments; do
    helm lint --strict "${kube[@]}" "$chart" "${arguments[@]}"
  done < <(variants)
}

refuses_unknown_values() {
  ! helm lint "${kube[@]}" "$chart" --set replica=3 || die "a misspelt value was accepted: values.schema.json must refuse it"
}

# A ServiceMonitor's own CRD is not in the cluster.
dry_run() {
  local arguments
  while read -ra arguments; do
    [[ ${arguments[*]} != *serviceMonitor* ]] || continue
    helm template cryptopipeline "$chart" --namespace default "${kube[@]}" "${arguments[@]}" |
      kubectl apply --server-side --force-conflicts --dry-run=server --namespace default --filename -
  done < <(variants)
}

if ! command -v helm >/dev/null; then
  echo "chart checks: SKIPPED, helm is not there yet; make test builds it"
  exit
fi
step "chart passes helm lint, each preset" lint
step "chart refuses unknown values" refuses_unknown_values
[[ ${1-} != --cluster ]] || step "chart is accepted by the API server" dry_run
