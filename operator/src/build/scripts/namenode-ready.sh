#!/bin/bash
# Ready: active and out of safe mode.
set -euo pipefail

bean() {
  exec 3<> /dev/tcp/127.0.0.1/9870
  printf 'GET /jmx?qry=Hadoop:service=NameNode,name=%s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$1" >&3
  cat <&3
}

grep -q '"State" : "active"' <<< "$(bean NameNodeStatus)"
grep -q '"FSState" : "Operational"' <<< "$(bean FSNamesystemState)"
