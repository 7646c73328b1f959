#!/bin/bash
# Starts the NameNode. It never formats: an empty disk here is a lost one, and only the operator knows whether a file system was
# ever created.
set -euo pipefail
trap 'exit 143' TERM

current=/data/nn/current
if ! compgen -G "$current/fsimage_*" > /dev/null; then
  echo "No file system image in $current. The NameNode's disk is empty or damaged: restore it from a backup." >&2
  exit 1
fi
if ! grep -qxF "clusterID=$CLUSTER_ID" "$current/VERSION"; then
  echo "The disk belongs to another file system ($(grep '^clusterID=' "$current/VERSION")), this one is $CLUSTER_ID." >&2
  exit 1
fi

export NAME_NODE_ID="nn${POD_NAME##*-}"
exec java @/etc/hadoop/jvm.options -cp "/etc/hadoop:/opt/hadoop/share/hdfs:/opt/hadoop/share/lib/*" \
  org.apache.hadoop.hdfs.server.namenode.NameNode
