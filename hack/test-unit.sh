#!/usr/bin/env bash
# The quick part of the tests, which needs no cluster: lint, unit tests, chart.
set -euo pipefail
source "$(dirname "$0")/../e2e/cluster/lib.sh"

"$repo_dir/hack/lint.sh"
"$repo_dir/hack/unit.sh"
"$repo_dir/hack/chart.sh"
"$repo_dir/hack/test-result.sh" "$CRYPTOPIPELINE_CACHE/log/unit-tests.log"
