#!/bin/bash
# Ready: out of safe mode, and active; or a standby that could be active at once, since it keeps reading the edits.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=hdfs-lib.sh
source /etc/hadoop/lib.sh

# The active one begins a segment every 30 s, and a standby reads those that have ended.
readonly longest_pause_ms=180000

grep -q '"FSState" : "Operational"' <<< "$(jmx 127.0.0.1 9870 NameNode,name=FSNamesystemState)"
case $(name_node_state 127.0.0.1) in
  active) ;;
  standby)
    [[ -n ${NAME_NODE_HOSTS:-} ]]
    pause=$(jmx 127.0.0.1 9870 NameNode,name=FSNamesystem | sed -n 's/.*"MillisSinceLastLoadedEdits" : \([0-9]*\).*/\1/p')
    ((pause < longest_pause_ms))
    ;;
  *) exit 1 ;;
esac
