#!/usr/bin/env bash
# Measures a processor on a kind cluster, which is brought up where it is missing, and prints tables: `costs` per trade, `ages` of
# trades that can be read, or both.
set -euo pipefail
source "$(dirname "$0")/cluster/lib.sh"

"$cluster_dir/up.sh"
"$cluster_dir/images.sh"
"$repo_dir/e2e/install.sh"
"$(release_folder)/bench" "$@"
done_step "bench" "$SECONDS"
