#!/bin/bash
# Starts one member of ZooKeeper.
set -euo pipefail
trap 'exit 143' TERM
# shellcheck source-path=SCRIPTDIR source=hdfs-lib.sh
source /etc/hadoop/lib.sh

data=/data/zk
if [[ ! -e $data/version-2 && $(< /etc/hadoop/formation) == formed ]]; then
  # An empty disk has forgotten what it voted for. Beside members that have a leader that is harmless; alone it could elect one
  # that never knew what was written.
  # shellcheck disable=SC2086  # a list
  for host in $(others "$POD_NAME" $ZOOKEEPER_HOSTS); do
    until zookeeper_serves "$host"; do
      echo "The disk is empty. Waiting until $host belongs to a quorum"
      sleep 1
    done
  done
fi
mkdir -p "$data"
echo "$((${POD_NAME##*-} + 1))" > "$data/myid"

exec java @/etc/hadoop/jvm.options -cp "$classpath" org.apache.zookeeper.server.quorum.QuorumPeerMain /etc/hadoop/zoo.cfg
