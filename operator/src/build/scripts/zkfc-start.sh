#!/bin/bash
# Starts the failover controller beside a NameNode.
set -euo pipefail
trap 'exit 143' TERM
# shellcheck source-path=SCRIPTDIR source=hdfs-lib.sh
source /etc/hadoop/lib.sh

export NAME_NODE_ID="nn${POD_NAME##*-}"
# It gives up without ZooKeeper, and is started again later and later.
# shellcheck disable=SC2086  # a list
await_majority zookeeper_serves $ZOOKEEPER_HOSTS

exec java @/etc/hadoop/zkfc-jvm.options -cp "$classpath" org.apache.hadoop.hdfs.tools.DFSZKFailoverController
