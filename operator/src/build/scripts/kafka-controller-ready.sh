#!/bin/bash
# Ready: leader or follower of a quorum. A candidate or an observer is not.
set -euo pipefail
exec 3<> /dev/tcp/127.0.0.1/9404
printf 'GET /metrics?name[]=kafka_raft_current_state HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
grep -qE '^kafka_raft_current_state\{state="(leader|follower)"' <&3
