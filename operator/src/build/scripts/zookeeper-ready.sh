#!/bin/bash
# Ready: leader or follower of a quorum.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=hdfs-lib.sh
source /etc/hadoop/lib.sh
zookeeper_serves 127.0.0.1
