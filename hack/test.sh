#!/usr/bin/env bash
# What a change must pass: lint, unit tests, the chart against a real API server, and the end-to-end cases of the levels smoke and gate.
set -euo pipefail
source "$(dirname "$0")/../e2e/cluster/lib.sh"

unit_log=$CRYPTOPIPELINE_CACHE/log/unit-tests.log
e2e_log=$CRYPTOPIPELINE_CACHE/log/end-to-end-tests.log
up_log=$CRYPTOPIPELINE_CACHE/log/cluster-up.log

# The times are told however the run ends, and a cluster that is still being brought up is not left to itself.
finish() {
  kill "${cluster-}" 2>/dev/null || true
  print_times
}

# Bringing up a cluster mostly waits for downloads and disks; compiling does not. Both together take less than one after the other.
collect_times
trap finish EXIT
"$cluster_dir/docker.sh"
"$cluster_dir/up.sh" >"$up_log" 2>&1 &
cluster=$!
echo "the cluster is brought up beside the lints: $up_log"
"$repo_dir/hack/lint.sh"
(cd "$repo_dir" && step "build the tests" cargo test --workspace --locked --no-run)
wait "$cluster" || { tail -n 40 "$up_log" >&2 && die "the cluster did not come up"; }
grep -v 'so far' "$up_log"

"$repo_dir/hack/unit.sh"
"$repo_dir/hack/chart.sh" --cluster
failed=0
"$repo_dir/e2e/run.sh" --level gate 2>&1 | tee "$e2e_log" || failed=1
"$repo_dir/hack/test-result.sh" "$unit_log" "$e2e_log" || failed=1
exit "$failed"
