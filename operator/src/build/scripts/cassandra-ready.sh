#!/bin/bash
# Ready: answers the OPTIONS request of the CQL protocol (version 4, opcode 5) with SUPPORTED (opcode 6). Cassandra serves CQL
# only after it has joined the ring, so the first answer is also written down as the proof of that for later starts.
set -euo pipefail
exec 3<> /dev/tcp/127.0.0.1/9042
printf '\x04\x00\x00\x00\x05\x00\x00\x00\x00' >&3
[[ $(head -c 5 <&3 | od -An -tx1 | tr -d ' ') == 8400000006 ]]
[[ -f /data/cassandra/joined ]] || : > /data/cassandra/joined
