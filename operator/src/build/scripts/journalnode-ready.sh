#!/bin/bash
# Ready: it gets the edits. One that was started in the middle of a segment gets none before the next segment begins; that it
# counts as away until then keeps drains and restarts from taking another.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=hdfs-lib.sh
source /etc/hadoop/lib.sh

journal=$(jmx 127.0.0.1 8480 "JournalNode,name=Journal-$NAME_SERVICE")
[[ $journal == *'"beans"'* ]]
if [[ $(< /etc/hadoop/formation) == formed ]]; then
  [[ $journal =~ '"BatchesWritten" : '[1-9] && $journal =~ '"CurrentLagTxns" : 0' ]]
fi
