#!/bin/bash
# Asked by a failover controller before its NameNode becomes active, when the one that was active did not answer the request to
# step back. Writes of the old one cannot succeed any more once a majority of JournalNodes has promised itself to the new one, so
# this neither stops nor delays the failover. It says what can be known about the old one.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=hdfs-lib.sh
source /etc/hadoop/lib.sh

# shellcheck disable=SC2154  # given by Hadoop
host=$target_host
if ! getent hosts "$host" > /dev/null; then
  echo "$host: there is no such pod"
elif ! listens "$host" 8020; then
  echo "$host: nothing listens there"
else
  state=$(name_node_state "$host") || state=
  echo "$host: there is a NameNode, and its state is ${state:-unknown}"
fi
