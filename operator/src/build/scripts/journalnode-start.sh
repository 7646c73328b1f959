#!/bin/bash
# Starts one JournalNode. Where it lost its disk, it gets from its peers what they have.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=hdfs-lib.sh
source /etc/hadoop/lib.sh
exec java @/etc/hadoop/jvm.options -cp "$classpath" org.apache.hadoop.hdfs.qjournal.server.JournalNode
