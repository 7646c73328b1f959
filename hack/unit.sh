#!/usr/bin/env bash
# Runs the unit tests under cargo-nextest, which ends a test that takes too long (.config/nextest.toml) and names what failed at the end.
set -euo pipefail
source "$(dirname "$0")/../e2e/cluster/lib.sh"
cd "$repo_dir"

# The build of a tool must not end up among this project's own build results; unoptimized it takes a third of the time.
install_nextest() {
  env -u CARGO_TARGET_DIR cargo install cargo-nextest --version "$NEXTEST_VERSION" --locked --debug --force --root "$CRYPTOPIPELINE_CACHE"
}

tell_failures() {
  grep -E '^ +(FAIL|TIMEOUT|SIGABRT)' "$CRYPTOPIPELINE_CACHE/log/unit-tests.log" | sort -u >&2
  exit 1
}

if [[ $(cargo nextest --version 2>/dev/null) != "cargo-nextest $NEXTEST_VERSION"* ]]; then
  step "build cargo-nextest $NEXTEST_VERSION" install_nextest
fi
step "unit tests" cargo nextest run --workspace --locked --no-fail-fast --color never || tell_failures
