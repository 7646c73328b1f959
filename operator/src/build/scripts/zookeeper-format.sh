#!/bin/bash
# Creates the node in ZooKeeper by which the failover controllers agree, or adopts the one that it finds there.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=hdfs-lib.sh
source /etc/hadoop/lib.sh

readonly found=2

export NAME_NODE_ID=nn0
status=0
hadoop org.apache.hadoop.hdfs.tools.DFSZKFailoverController -formatZK -nonInteractive || status=$?
((status == 0 || status == found)) || exit "$status"
