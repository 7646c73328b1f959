#!/usr/bin/env bash
# From a bare machine to the proof: cluster, images, operator, one pipeline, real trades, and the count of them in each place.
set -euo pipefail
source "$(dirname "$0")/cluster/lib.sh"

collect_times
"$cluster_dir/up.sh"
"$cluster_dir/images.sh"
"$repo_dir/e2e/install.sh"
"$(release_folder)/demo"
print_times
