#!/usr/bin/env bash
# Runs the end-to-end tests on a kind cluster, which is brought up where it is missing. Arguments go to the tests: `--level gate`,
# `--part 2/6`, `--resume`, `--fail-fast`, words that names contain. What the tests made is removed afterwards; after a failure
# out/e2e tells what happened.
set -euo pipefail
source "$(dirname "$0")/cluster/lib.sh"

# Pipelines first: a namespace whose pods have a long grace period is slow to go, however early they end.
clean_up() {
  kubectl -n cryptopipeline-e2e delete cryptopipelines --all
  kubectl -n cryptopipeline-e2e wait --for=delete pod --selector "$managed" --timeout=120s || true
  kubectl delete namespace --ignore-not-found --wait=false \
    cryptopipeline-e2e cryptopipeline-e2e-nowhere cryptopipeline-e2e-wrong
}

managed=app.kubernetes.io/managed-by=cryptopipeline-operator
keep=false
[[ " $* " != *" --fail-fast "* ]] || keep=true

"$cluster_dir/up.sh"
"$cluster_dir/images.sh"
"$repo_dir/e2e/readers/build.sh"
"$repo_dir/e2e/install.sh"
$keep || trap clean_up EXIT
cd "$repo_dir"
# A program that was built elsewhere is taken as it is, and told where this checkout is.
export CRYPTOPIPELINE_E2E=1
if [[ -n ${E2E_PROGRAM-} ]]; then
  E2E_FOLDER=$repo_dir/e2e "$E2E_PROGRAM" "$@"
else
  cargo test --workspace --locked --test e2e -- "$@"
fi
done_step "end-to-end tests" "$SECONDS"
