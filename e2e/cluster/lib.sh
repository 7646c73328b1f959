# shellcheck shell=bash
# What every script here shares: the settings, printing of steps, and small questions to Docker.

cluster_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034  # read by the scripts that source this file
repo_dir=$(cd "$cluster_dir/../.." && pwd)
# shellcheck source=env.sh
source "$cluster_dir/env.sh"
# shellcheck source=versions.sh
source "$cluster_dir/versions.sh"
mkdir -p "$CRYPTOPIPELINE_CACHE"/{bin,log}

# die MESSAGE: say what is wrong and what to do about it, then stop.
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# done_step NAME SECONDS [NOTE]: the one line that a finished step leaves behind.
done_step() {
  printf '%-52s %5d s%s\n' "$1" "$2" "${3:+  $3}"
}

# note_time NAME SECONDS: for the table that print_times prints at the end of a command.
note_time() {
  [[ -z ${CRYPTOPIPELINE_TIMES-} ]] || printf '%d\t%s\n' "$2" "$1" >>"$CRYPTOPIPELINE_TIMES"
}

# collect_times: let all that is started from here on note its times in a new file.
collect_times() {
  CRYPTOPIPELINE_TIMES=$(mktemp)
  export CRYPTOPIPELINE_TIMES
}

# print_times: every step and case that took a second or more, in their order, and how long all took by the clock.
print_times() {
  printf '\ntimes\n'
  awk -F '\t' '$1 > 0 {printf "%6d s  %s\n", $1, $2}' "$CRYPTOPIPELINE_TIMES"
  printf '%6d s  all of it by the clock\n' "$SECONDS"
  rm -f "$CRYPTOPIPELINE_TIMES"
}

# step NAME COMMAND...: run COMMAND with its output in a log file. A terminal sees its last line move;
# anything else gets a line every half minute. On failure the end of the log and its path are shown.
step() {
  local name=$1 began=$SECONDS told=0 status=0 log pid elapsed last
  shift
  log=$CRYPTOPIPELINE_CACHE/log/$(tr -cs 'a-zA-Z0-9.\n' '-' <<<"$name").log
  set -m # a process group of its own, so that an interrupt ends all that the command has started
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  set +m
  trap 'kill -- "-$pid" 2>/dev/null; exit 130' INT TERM
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    elapsed=$((SECONDS - began))
    if [[ -t 1 ]]; then
      last=$(tail -n 1 "$log" | tr -cd '[:print:]' | cut -c1-60)
      printf '\r\033[K%-52s %5d s  %s' "$name" "$elapsed" "$last"
    elif ((elapsed >= told + 30)); then
      told=$elapsed
      printf '  %s: %d s so far: %s\n' "$name" "$elapsed" "$(tail -n 1 "$log" | tr -cd '[:print:]' | cut -c1-100)"
    fi
  done
  wait "$pid" || status=$?
  trap - INT TERM
  [[ ! -t 1 ]] || printf '\r\033[K'
  if ((status != 0)); then
    printf '%s failed after %d s. End of its log, %s:\n' "$name" $((SECONDS - began)) "$log" >&2
    tail -n 25 "$log" >&2
    return "$status"
  fi
  done_step "$name" $((SECONDS - began))
  note_time "$name" $((SECONDS - began))
}

# fingerprint: 12 hex digits that stand for what is read from standard input.
fingerprint() {
  sha256sum | cut -c1-12
}

has_image() {
  docker image inspect "$1" >/dev/null 2>&1
}

# can_pull IMAGE: does its registry answer? A machine without one must learn that in seconds.
can_pull() {
  timeout 15 docker manifest inspect "$1" >/dev/null 2>&1
}

# node_containers FILTER...: the names of the cluster's node containers, running or not, that pass Docker's FILTERs.
node_containers() {
  docker ps -a --filter "label=io.x-k8s.kind.cluster=$KIND_CLUSTER_NAME" "${@/#/--filter=}" --format '{{.Names}}' | sort
}

cluster_exists() {
  [[ -n $(node_containers "label=io.x-k8s.kind.role") ]]
}

# can_install: may this script add Debian packages?
can_install() {
  [[ $EUID -eq 0 && -f /etc/debian_version ]]
}

# apt_install PACKAGE...: one at a time, as apt refuses a second one.
apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  flock "$CRYPTOPIPELINE_CACHE/apt.lock" bash -c \
    'apt-get update -q && apt-get install -y -q --no-install-recommends "$@"' apt_install "$@"
}

# require COMMAND PACKAGE...: install PACKAGE... where COMMAND is missing and that is allowed.
require() {
  local command=$1
  shift
  ! command -v "$command" >/dev/null || return 0
  can_install || die "$command is not on PATH. Install it (Debian: apt-get install $*) and run this again."
  step "install $*" apt_install "$@"
}

# release_folder: where this workspace's release binaries are: where Cargo puts them, or where others were made (images/README.md
# says when).
release_folder() {
  [[ -z ${RUST_BINARIES:-} ]] || { realpath "$RUST_BINARIES" && return; }
  cargo metadata --manifest-path "$repo_dir/Cargo.toml" --format-version 1 --no-deps --locked | jq -r '.target_directory + "/release"'
}
