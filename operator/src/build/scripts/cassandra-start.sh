#!/bin/bash
# Starts one Cassandra node.
#
# A node that finds itself among its seeds never streams data from others, and one that finds no seed refuses to start. So:
#   joined before               -> all seeds, itself included, or else a cluster that was down as a whole never starts again
#   not yet, ring never formed  -> the first member founds the ring; the others join without streaming, there is no data
#   not yet, ring formed        -> joins and streams, never its own seed
# Nodes join one at a time, each when the one before it serves CQL: tokens chosen at the same time could collide.
set -euo pipefail
trap 'exit 143' TERM

etc=/etc/cassandra
conf=/tmp/conf
data=/data/cassandra
self=$POD_NAME.$SERVICE_HOST
flags=()
mkdir -p "$conf" "$data"

# Prints the member before this one, nothing for the first; fails while the list does not name this pod.
predecessor() {
  local member before=""
  while read -r member; do
    [[ $member == "$self" ]] && echo "$before" && return 0
    before=$member
  done < "$etc/members"
  return 1
}

serves_cql() {
  timeout 2 bash -c ": < /dev/tcp/$1/9042" 2> /dev/null
}

await_turn() {
  local before
  until before=$(predecessor); do
    echo "Waiting until $etc/members names $self"
    sleep 2
  done
  while [[ -n $before ]] && ! serves_cql "$before"; do
    echo "Waiting until $before serves CQL"
    sleep 2
  done
}

# Not cp, which would copy that the file is read-only.
cat "$etc/cassandra.yaml" > "$conf/cassandra.yaml"
if [[ ! -f $data/joined ]]; then
  await_turn
  cat "$etc/joining.yaml" >> "$conf/cassandra.yaml"
  if [[ $(< "$etc/formation") == initial ]]; then
    echo "auto_bootstrap: false" >> "$conf/cassandra.yaml"
    flags+=(-Dcassandra.skip_wait_for_gossip_to_settle=0 -Dcassandra.ring_delay_ms=5000)
  fi
fi

mapfile -t members < "$etc/members"
seeds=("${members[@]:0:3}")
if [[ ! -f $data/joined ]]; then
  others=()
  for seed in "${seeds[@]}"; do
    [[ $seed == "$self" ]] || others+=("$seed")
  done
  if [[ $(< "$etc/formation") == initial && $self == "${members[0]}" || ${#others[@]} == 0 ]]; then
    seeds=("$self")
  else
    seeds=("${others[@]}")
  fi
fi
seed_list=$(IFS=,; echo "${seeds[*]}")
sed -i -e "s|@SEEDS@|$seed_list|" -e "s|@POD_IP@|$POD_IP|" "$conf/cassandra.yaml"
printf 'dc=%s\nrack=%s\n' "$DATACENTER" "$RACK" > "$conf/cassandra-rackdc.properties"

# Copies of Cassandra's own keyspaces when they are created; raised later by the operator, never by a restart.
copies=$((${#members[@]} < 3 ? ${#members[@]} : 3))
flags+=("-Dcassandra.system_auth.default_rf=$copies" "-Dcassandra.system_distributed.default_rf=$copies" \
  "-Dcassandra.system_traces.default_rf=$copies")

exec java "@$etc/jvm.options" "${flags[@]}" -javaagent:"$(echo /opt/cassandra/lib/jamm-*.jar)" \
  "-javaagent:/opt/jmx/jmx_prometheus_javaagent.jar=9404:$etc/jmx.yaml" "-Dcassandra.config=file://$conf/cassandra.yaml" \
  -Dcassandra.logdir=/tmp -cp "$conf:/opt/cassandra/lib/*" org.apache.cassandra.service.CassandraDaemon
