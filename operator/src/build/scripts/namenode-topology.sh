#!/bin/bash
# Tells the NameNode the rack of each DataNode, by the host name that the DataNode registers with: its first part is its pod, and
# the file of racks says the rack of the pod's StatefulSet. DNS is not asked. A DataNode that is not listed yet has no
# answer, so that the NameNode refuses it and it tries again; a wrong answer would hold until it registers again. Clients are
# asked about by address; they are in no rack.
set -euo pipefail

racks=${RACKS_FILE:-/etc/hadoop/racks}

rack_of() {
  local pod=${1%%.*} stateful_set path
  while read -r stateful_set path; do
    if [[ ${pod%-*} == "$stateful_set" ]]; then
      echo "$path"
      return 0
    fi
  done < "$racks"
  echo "$1 is in no rack of $racks" >&2
  return 1
}

for host in "$@"; do
  if [[ $host == *:* || $host =~ ^[0-9.]+$ ]]; then
    echo /default-rack
  else
    rack_of "$host"
  fi
done
