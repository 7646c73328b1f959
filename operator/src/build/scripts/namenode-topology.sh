#!/bin/bash
# Tells the NameNode the rack of each address. The name of a DataNode's pod, which DNS knows, says its StatefulSet, and the file
# `racks` says the rack of that.
for address in "$@"; do
  rack=/default-rack
  if entry=$(getent hosts "$address"); then
    read -r _ host _ <<< "$entry"
    pod=${host%%.*}
    while read -r stateful_set path; do
      [[ ${pod%-*} == "$stateful_set" ]] && rack=$path
    done < /etc/hadoop/racks
  fi
  echo "$rack"
done
