#!/usr/bin/env bash
# Everything: unit tests and every end-to-end case, in parts of which none takes longer than 100 minutes on two cores. PART=2/6 runs
# one part. What has passed for this commit already is not run again, so that a night that was stopped goes on.
set -euo pipefail
source "$(dirname "$0")/../e2e/cluster/lib.sh"

parts=6
failed=0
collect_times
trap print_times EXIT
if [[ -n ${PART-} ]]; then
  "$repo_dir/e2e/run.sh" --resume --part "$PART" || failed=1
else
  PROPTEST_CASES=4096 "$repo_dir/hack/unit.sh" || failed=1
  for part in $(seq "$parts"); do
    "$repo_dir/e2e/run.sh" --resume --part "$part/$parts" || failed=1
  done
  # With everything recorded this runs nothing, and prints the table of all.
  "$repo_dir/e2e/run.sh" --resume || failed=1
fi
exit "$failed"
