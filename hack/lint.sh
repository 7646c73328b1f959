#!/usr/bin/env bash
# What can be checked without running anything: format, lints, dependency policy, scripts, workflows.
set -euo pipefail
source "$(dirname "$0")/../e2e/cluster/lib.sh"
# shellcheck source=../e2e/cluster/go-build.sh
source "$cluster_dir/go-build.sh"
cd "$repo_dir"

# SC2317: functions that `step` calls by name look unreachable.
check_scripts() {
  git ls-files -z '*.sh' .ci/run | xargs -0 shellcheck --external-sources --exclude=SC2317
}

build_actionlint() {
  go_build "github.com/rhysd/actionlint@$ACTIONLINT_VERSION" github.com/rhysd/actionlint/cmd/actionlint
}

check_workflows() {
  "$(built "github.com/rhysd/actionlint@$ACTIONLINT_VERSION" actionlint)"
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
if command -v go >/dev/null; then
  step "build actionlint $ACTIONLINT_VERSION" build_actionlint
  step "workflows" check_workflows
else
  echo "workflows: SKIPPED, go is not on PATH"
fi
