#!/bin/bash
# Formats the JournalNodes and gives them the edits of the first NameNode, which does not run; or adopts what they hold.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=hdfs-lib.sh
source /etc/hadoop/lib.sh

export NAME_NODE_ID=nn0
# Written before the JournalNodes are, removed when they hold everything: what a broken-off try left there is worth nothing.
begun=/data/nn/sharing-edits

holds_edits() {
  local status
  status=$(jmx "$1" 8480 JournalNode,name=JournalNodeInfo)
  [[ $status == *JournalsStatus* ]] || { echo "$1 does not answer" >&2; exit 1; }
  [[ $status =~ Formatted[^a-z]*true ]]
}

if [[ ! -e $begun ]]; then
  for host in $JOURNAL_NODE_HOSTS; do
    if holds_edits "$host"; then
      echo "$host holds edits: adopting what the JournalNodes have"
      exit 0
    fi
  done
  touch "$begun"
fi
hadoop org.apache.hadoop.hdfs.server.namenode.NameNode -initializeSharedEdits -force
rm "$begun"
