#!/bin/bash
# Runs before a NameNode is told to stop. The failover controller beside it has been told already, so its lock in ZooKeeper ends
# with its session. Until then an active NameNode goes on serving, and the other one takes over from a live one.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=hdfs-lib.sh
source /etc/hadoop/lib.sh

readonly longest_wait=25

# shellcheck disable=SC2086  # a list
peer=$(others "$POD_NAME" $NAME_NODE_HOSTS)
end=$((SECONDS + longest_wait))
while ((SECONDS < end)) && [[ $(name_node_state 127.0.0.1) == active ]]; do
  # One that stops as well takes nothing over.
  listens "$peer" 8019 || exit 0
  [[ $(name_node_state "$peer") == standby ]] || exit 0
  sleep 0.5
done
