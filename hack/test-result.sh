#!/usr/bin/env bash
# Adds up the closing lines of cargo-nextest and of the end-to-end tests in the given logs and prints them as one line.
set -euo pipefail

awk '
  function count(word,   i) {
    for (i = 2; i <= NF; i++) if ($i ~ "^" word) return $(i - 1)
    return 0
  }
  # "Summary [ 12.3s] 9 tests run: 8 passed (1 slow), 1 timed out, 0 skipped", and the words of cargo test.
  /^ *Summary \[/ || /^test result:/ {
    passed += count("passed")
    failed += count("failed") + count("timed")
    ignored += count("ignored") + count("skipped")
    filtered += count("filtered")
  }
  END {
    if (passed + failed == 0) { print "no test ran" > "/dev/stderr"; exit 1 }
    printf "test result: %s. %d passed; %d failed; %d ignored; 0 measured; %d filtered out\n",
      failed ? "FAILED" : "ok", passed, failed, ignored, filtered
    exit failed > 0
  }' "$@"
