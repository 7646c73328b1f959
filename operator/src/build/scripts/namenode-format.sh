#!/bin/bash
# Formats the NameNode's disk, or adopts the file system that it finds there. The cluster id is left as termination message.
set -euo pipefail

current=/data/nn/current
if compgen -G "$current/fsimage_*" > /dev/null; then
  echo "Found a file system image: adopting it"
elif compgen -G "$current/edits_*" > /dev/null; then
  echo "There are edits in $current but no image of a file system: not touching them. Restore the image from a backup." >&2
  exit 1
else
  # What an interrupted format left would make the next one refuse.
  rm -rf "$current"
  export NAME_NODE_ID=nn0
  java @/etc/hadoop/jvm.options -cp "/etc/hadoop:/opt/hadoop/share/hdfs:/opt/hadoop/share/lib/*" \
    org.apache.hadoop.hdfs.server.namenode.NameNode -format -clusterId "$CLUSTER_ID" -nonInteractive
fi
sed -n 's/^clusterID=//p' "$current/VERSION" | tr -d '\n' > /dev/termination-log
