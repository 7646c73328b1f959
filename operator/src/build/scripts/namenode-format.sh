#!/bin/bash
# Formats the first NameNode's disk, or adopts the file system that it finds there. The cluster id is left as termination
# message.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=hdfs-lib.sh
source /etc/hadoop/lib.sh

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
  # The disk alone: JournalNodes get what is on it by a Job of their own. A single NameNode refuses to hear of them.
  alone=()
  [[ -z ${NAME_NODE_HOSTS:-} ]] || alone=(-D dfs.namenode.shared.edits.dir=)
  hadoop org.apache.hadoop.hdfs.server.namenode.NameNode "${alone[@]}" \
    -format -clusterId "$CLUSTER_ID" -nonInteractive
fi
sed -n 's/^clusterID=//p' "$current/VERSION" | tr -d '\n' > /dev/termination-log
