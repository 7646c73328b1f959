#!/usr/bin/env bash
# Everything that can be checked without a cluster: format, lints, dependency policy, scripts, unit tests, chart.
set -euo pipefail
source "$(dirname "$0")/../e2e/cluster/lib.sh"
cd "$repo_dir"

# SC2317: functions that `step` calls by name look unreachable.
check_scripts() {
  git ls-files -z '*.sh' .ci/run | xargs -0 shellcheck --external-sources --exclude=SC2317
}

# With many test programs the end of the log does not name what failed.
tell_failures() {
  grep -hE -A 3 '^(test .* FAILED$|thread .* panicked at )' "$1" >&2
  exit 1
}

command -v cargo >/dev/null || die "cargo is not on PATH. Install Rust with rustup, which reads rust-toolchain.toml, and run this again."
require cc build-essential
require git git
require jq jq

step "format" cargo fmt --all --check
step "lints" cargo clippy --workspace --all-targets --locked -- -D warnings
"$repo_dir/hack/deny.sh"
if command -v shellcheck >/dev/null || can_install; then
  require shellcheck shellcheck
  step "shell scripts" check_scripts
else
  echo "shell scripts: SKIPPED, shellcheck is not on PATH"
fi
step "unit tests" cargo test --workspace --locked --no-fail-fast || tell_failures "$CRYPTOPIPELINE_CACHE/log/unit-tests.log"
"$repo_dir/hack/chart.sh"
"$repo_dir/hack/test-result.sh" "$CRYPTOPIPELINE_CACHE/log/unit-tests.log"
