#!/bin/bash
# Starts one DataNode.
set -euo pipefail
trap 'exit 143' TERM

export DATA_NODE_HOST=$POD_NAME.$SERVICE_HOST
# One is enough: the name of another that is away is looked up again with each try to reach it.
one_resolves() {
  for host in $NAME_NODE_HOSTS; do
    if getent hosts "$host" > /dev/null; then return 0; fi
  done
  return 1
}
until one_resolves; do
  echo "Waiting until one of these resolves: $NAME_NODE_HOSTS"
  sleep 2
done

exec java @/etc/hadoop/jvm.options -cp "/etc/hadoop:/opt/hadoop/share/hdfs:/opt/hadoop/share/lib/*" \
  org.apache.hadoop.hdfs.server.datanode.DataNode
