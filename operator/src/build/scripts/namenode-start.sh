#!/bin/bash
# Starts a NameNode. It never formats: an empty disk here is a lost one, and only the operator knows whether a file system was
# ever created. One of two NameNodes gets the file system from the other.
set -euo pipefail
trap 'exit 143' TERM
# shellcheck source-path=SCRIPTDIR source=hdfs-lib.sh
source /etc/hadoop/lib.sh

export NAME_NODE_ID="nn${POD_NAME##*-}"
current=/data/nn/current
# Hosts are given only where there are two.
# shellcheck disable=SC2086  # a list
peer=$(others "$POD_NAME" ${NAME_NODE_HOSTS:-})

journal_node_listens() { listens "$1" 8485; }

if [[ -n $peer ]]; then
  # A NameNode that cannot read from a majority of JournalNodes gives up, and is started again later and later.
  # shellcheck disable=SC2086  # a list
  await_majority journal_node_listens $JOURNAL_NODE_HOSTS
fi

if ! compgen -G "$current/fsimage_*" > /dev/null; then
  if compgen -G "$current/edits_*" > /dev/null || [[ -z $peer ]]; then
    echo "No file system image in $current. The NameNode's disk is empty or damaged: restore it from a backup," \
      "or empty it where another NameNode has the file system." >&2
    exit 1
  fi
  until listens "$peer" 8020; do
    echo "The disk is empty. Waiting for $peer to give the file system"
    sleep 1
  done
  # What an interrupted transfer left would make the next one refuse.
  rm -rf "$current"
  hadoop org.apache.hadoop.hdfs.server.namenode.NameNode -bootstrapStandby -nonInteractive
fi
if ! grep -qxF "clusterID=$CLUSTER_ID" "$current/VERSION"; then
  echo "The disk belongs to another file system ($(grep '^clusterID=' "$current/VERSION")), this one is $CLUSTER_ID." >&2
  exit 1
fi

exec java @/etc/hadoop/jvm.options -cp "$classpath" org.apache.hadoop.hdfs.server.namenode.NameNode
