#!/usr/bin/env bash
# Adds up the closing lines of cargo test in the given logs and prints them as one such line.
set -euo pipefail

awk '
  /^test result:/ {
    for (i = 2; i <= NF; i++) {
      if ($i ~ /^passed/) passed += $(i - 1)
      if ($i ~ /^failed/) failed += $(i - 1)
      if ($i ~ /^ignored/) ignored += $(i - 1)
      if ($i ~ /^filtered/) filtered += $(i - 1)
      if ($(i - 1) == "in") seconds += $i
    }
  }
  END {
    if (passed + failed == 0) { print "no test ran" > "/dev/stderr"; exit 1 }
    printf "test result: %s. %d passed; %d failed; %d ignored; 0 measured; %d filtered out; finished in %.2fs\n",
      failed ? "FAILED" : "ok", passed, failed, ignored, filtered, seconds
    exit failed > 0
  }' "$@"
