#!/bin/bash
# Ready: registered at a NameNode and sending it heartbeats.
set -euo pipefail
exec 3<> /dev/tcp/127.0.0.1/9864
printf 'GET /jmx?qry=Hadoop:service=DataNode,name=DataNodeInfo HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
grep -qE 'ActorState[^A-Z]*RUNNING' <<< "$(cat <&3)"
