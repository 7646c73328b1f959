#!/usr/bin/env bash
# Makes sure that a Docker daemon answers: nothing to do, start it, or install and start it (root on Debian).
set -euo pipefail
source "$(dirname "$0")/lib.sh"

daemon_log=$CRYPTOPIPELINE_CACHE/log/dockerd.log

daemon_answers() {
  docker info >/dev/null 2>&1
}

# Capability 24 is CAP_SYS_RESOURCE; `runc-bounded` says why its absence matters.
lacks_sys_resource() {
  local bounding
  bounding=$(awk '/^CapBnd/ {print $2}' /proc/self/status)
  (((16#$bounding >> 24 & 1) == 0))
}

start_daemon() {
  local pid_file=/var/run/docker.pid flags=()
  if [[ -d /run/systemd/system ]]; then
    systemctl start docker
    return
  fi
  # A daemon that was killed leaves its pid file, and the next one refuses to start beside it.
  if [[ -f $pid_file ]] && [[ $(cat "/proc/$(<"$pid_file")/comm" 2>/dev/null) != dockerd ]]; then
    rm -f "$pid_file"
  fi
  if lacks_sys_resource; then
    install -m 755 "$cluster_dir/runc-bounded" "$CRYPTOPIPELINE_CACHE/bin/runc-bounded"
    flags+=(--add-runtime "bounded=$CRYPTOPIPELINE_CACHE/bin/runc-bounded" --default-runtime bounded)
  fi
  setsid nohup dockerd "${flags[@]}" >>"$daemon_log" 2>&1 </dev/null &
  for _ in {1..120}; do
    sleep 0.5
    ! daemon_answers || return 0
  done
  tail -n 20 "$daemon_log"
  return 1
}

if daemon_answers; then
  done_step "Docker answers" 0
  exit
fi
can_install || die "Docker does not answer. Start it, or let this user reach it (group docker), and run this again; as root on Debian it is installed and started for you."
require dockerd docker.io containerd runc iptables
require jq jq
require ip iproute2
step "start Docker" start_daemon
