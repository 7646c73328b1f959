#!/usr/bin/env bash
# Checks the dependency policy of deny.toml: bans, licences and sources always, advisories where their database can be fetched.
set -euo pipefail
source "$(dirname "$0")/../e2e/cluster/lib.sh"
cd "$repo_dir"

CARGO_DENY_VERSION=0.20.2

# The build of a tool must not end up among this project's own build results.
install_cargo_deny() {
  env -u CARGO_TARGET_DIR cargo install cargo-deny --version "$CARGO_DENY_VERSION" --locked --force --root "$CRYPTOPIPELINE_CACHE"
}

if [[ $(cargo deny --version 2>/dev/null) != "cargo-deny $CARGO_DENY_VERSION" ]]; then
  step "build cargo-deny $CARGO_DENY_VERSION" install_cargo_deny
fi
step "dependency bans, licences and sources" cargo deny --locked check bans licenses sources
if timeout 60 cargo deny fetch db >/dev/null 2>&1; then
  step "dependency advisories" cargo deny --locked check --disable-fetch advisories
else
  echo "dependency advisories: SKIPPED, the advisory database cannot be reached from here"
fi
