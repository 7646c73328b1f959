#!/bin/bash
# Starts one Kafka node, and formats its disk first where that is empty.
#
# Only before the quorum has ever formed may a controller found it (--initial-controllers). Later an empty disk means a lost
# member: founding again would bring the same voter back without the memory of its votes (KIP-853). The operator says in the
# file `formation` which of the two holds.
set -euo pipefail
trap 'exit 143' TERM

etc=/etc/kafka
data=/data/kafka
node_id=$((NODE_ID_OFFSET + ${POD_NAME##*-}))
sed -e "s|@NODE_ID@|$node_id|" -e "s|@HOST@|$POD_NAME.$SERVICE_HOST|g" -e "s|@RACK@|${RACK:-}|" \
  "$etc/server.properties" > /tmp/server.properties

if [[ -f $data/meta.properties ]]; then
  if ! grep -qxF "cluster.id=$CLUSTER_ID" "$data/meta.properties"; then
    echo "The disk belongs to another cluster ($(grep '^cluster.id=' "$data/meta.properties")), this one is $CLUSTER_ID:" \
      "delete the claim data-$POD_NAME if its data may go" >&2
    exit 1
  fi
else
  role=(--no-initial-controllers)
  if [[ $MAY_FOUND_QUORUM == true && $(< "$etc/formation") == initial ]]; then
    role=(--initial-controllers "$(< "$etc/initial-controllers")")
  fi
  java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 "-Dlog4j2.configurationFile=$etc/log4j2.properties" \
    -cp "/opt/kafka/libs/*" kafka.tools.StorageTool format "-t=$CLUSTER_ID" "${role[@]}" --ignore-formatted \
    -c /tmp/server.properties
fi

exec java "@$etc/jvm.options" "-javaagent:/opt/jmx/jmx_prometheus_javaagent.jar=9404:$etc/jmx.yaml" \
  -cp "/opt/kafka/libs/*" kafka.Kafka /tmp/server.properties
