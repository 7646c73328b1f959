#!/usr/bin/env bash
# What a change must pass: what needs no cluster, the chart against a real API server, and end-to-end tests.
set -euo pipefail
source "$(dirname "$0")/../e2e/cluster/lib.sh"

# `make e2e` runs the others too: failovers, storm, deaths, candles, compaction and spark, which take longer than all of these. A word
# means every test whose name contains it.
gate=(plain placement manifests readers questions broken_input scaling life kills ingest_loss outages shards venues replay convergence deletion)
e2e_log=$CRYPTOPIPELINE_CACHE/log/end-to-end-tests.log

"$repo_dir/hack/test-unit.sh"
"$cluster_dir/up.sh"
"$repo_dir/hack/chart.sh" --cluster
"$repo_dir/e2e/run.sh" "${gate[@]}" 2>&1 | tee "$e2e_log"
done_step "all tests" "$SECONDS"
"$repo_dir/hack/test-result.sh" "$CRYPTOPIPELINE_CACHE/log/unit-tests.log" "$e2e_log"
