#!/bin/bash
# What the scripts of HDFS share. The image holds no program that speaks HTTP; bash does.

readonly classpath="/etc/hadoop:/opt/hadoop/share/hdfs:/opt/hadoop/share/lib/*"

# hadoop CLASS ARGUMENT...: a program of Hadoop, with the heap of the role's main process.
hadoop() {
  java @/etc/hadoop/jvm.options -cp "$classpath" "$@"
}

# ask HOST PORT TEXT: sends TEXT and prints the answer.
ask() {
  # shellcheck disable=SC2016  # the inner shell expands them
  timeout 3 bash -c 'exec 3<> "/dev/tcp/$0/$1" && printf "%s" "$2" >&3 && cat <&3' "$1" "$2" "$3" 2> /dev/null
}

# listens HOST PORT
listens() {
  # shellcheck disable=SC2016  # the inner shell expands them
  timeout 2 bash -c 'exec 3<> "/dev/tcp/$0/$1"' "$1" "$2" 2> /dev/null
}

# jmx HOST PORT BEAN: the bean as JSON.
jmx() {
  ask "$1" "$2" "GET /jmx?qry=Hadoop:service=$3 HTTP/1.0"$'\r\nHost: localhost\r\n\r\n'
}

# name_node_state HOST: active, standby, or nothing where there is no answer.
name_node_state() {
  jmx "$1" 9870 NameNode,name=NameNodeStatus | sed -n 's/.*"State" : "\([a-z]*\)".*/\1/p'
}

# zookeeper_serves HOST: whether that member belongs to a quorum.
zookeeper_serves() {
  ask "$1" 2181 srvr | grep -qE '^Mode: (leader|follower)'
}

# others NAME HOST...: every host but that of the pod NAME.
others() {
  local name=$1 host
  shift
  for host in "$@"; do
    [[ $host == "$name".* ]] || echo "$host"
  done
}

# await_majority WHAT HOST...: waits until more than half of the hosts pass the test `WHAT HOST`.
await_majority() {
  local test=$1 host passed
  shift
  while :; do
    passed=0
    for host in "$@"; do
      if "$test" "$host"; then passed=$((passed + 1)); fi
    done
    ((passed * 2 <= $#)) || return 0
    echo "Waiting for a majority of $*: $passed of $# so far"
    sleep 1
  done
}
