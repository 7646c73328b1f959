#!/usr/bin/env bash
# Makes sure that kind, kubectl and helm are on this project's PATH: those of the machine where their
# version fits, else built into the cache folder.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source "$cluster_dir/go-build.sh"

# kind only vouches for node images published with its own release.
kind_fits() {
  [[ $(kind version 2>/dev/null) == "kind $KIND_VERSION "* ]]
}

# kubectl supports API servers one minor version away.
kubectl_fits() {
  local client server
  client=$(kubectl version --client -o json 2>/dev/null | jq -r '.clientVersion.minor' | tr -cd 0-9)
  server=$(cut -d. -f2 <<<"$KUBERNETES_VERSION")
  [[ -n $client ]] && ((client >= server - 1 && client <= server + 1))
}

helm_fits() {
  [[ $(helm version --short 2>/dev/null) == v3.* ]]
}

# offer PROGRAM FILE: put a built program on the project's PATH.
offer() {
  ln -sfn "$2" "$CRYPTOPIPELINE_CACHE/bin/$1"
  hash -r
}

build_kind() {
  go_build "sigs.k8s.io/kind@$KIND_VERSION" sigs.k8s.io/kind
}

build_helm() {
  go_build "helm.sh/helm/v3@$HELM_VERSION" helm.sh/helm/v3/cmd/helm
}

require_go() {
  command -v go >/dev/null || die "$1 is missing in a fitting version and Go to build it is missing too. Install either $1 or Go 1.21 or newer, and run this again."
}

require jq jq
if ! kind_fits; then
  require_go "kind $KIND_VERSION"
  step "build kind $KIND_VERSION" build_kind
  offer kind "$(built "sigs.k8s.io/kind@$KIND_VERSION" kind)"
fi
if ! kubectl_fits; then
  require_go "kubectl (1.33 to 1.35)"
  step "build kubectl $KUBERNETES_VERSION" kubernetes_build kubectl
  offer kubectl "$(built "$kubernetes_module" kubectl)"
fi
if ! helm_fits; then
  require_go "helm 3"
  step "build helm $HELM_VERSION" build_helm
  offer helm "$(built "helm.sh/helm/v3@$HELM_VERSION" helm)"
fi
done_step "kind, kubectl and helm are there" "$SECONDS"
