#!/usr/bin/env bash
# usage: with-daemon.sh COMMAND [ARGUMENT…]
# Runs a command with a Docker daemon: the machine's, where one answers; otherwise, as root, one that lives as long as the command. That one has
# namespaces of its own (network, mounts, processes), so that its bridges, network rules and processes end with it, however it ends; the way out, for
# builds, is slirp4netns. Debian: docker.io, iptables and slirp4netns. Exit code 77: this machine does not let it. What it has built stays in RINGWAY_DOCKER_DATA (the project's .cache/docker).
set -euo pipefail

if docker info >/dev/null 2>&1; then exec "$@"; fi

refuse() {
  echo "No Docker daemon answers, and none can be started here: $1" >&2
  exit 77
}
[ "$(id -u)" = 0 ] || refuse 'that needs root'
for program in docker dockerd iptables slirp4netns setpriv unshare; do
  command -v "$program" >/dev/null || refuse "$program is missing (Debian: apt-get install docker.io iptables slirp4netns)"
done
unshare --net --mount --pid --fork true 2>/dev/null || refuse 'this machine allows no new namespaces'

export RINGWAY_DOCKER_DATA=${RINGWAY_DOCKER_DATA:-$(cd "$(dirname "$0")/../.." && pwd)/.cache/docker}
# Sockets have short names, and what is of one run only must not outlive it.
run=$(mktemp -d /tmp/ringway-docker.XXXXXX)
export run
cleanup() {
  # unshare takes no other signal; with it goes all that is inside.
  kill -KILL "${inner:-}" 2>/dev/null || true
  kill "${slirp:-}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$run"
  find /sys/fs/cgroup -depth -path "*/$(basename "$run")*" -type d -exec rmdir {} + 2>/dev/null || true
}
trap cleanup EXIT

# @returns the exit code of a child, however often a trap breaks the wait for it
await() {
  local code
  while :; do
    code=0
    wait "$1" || code=$?
    kill -0 "$1" 2>/dev/null || return "$code"
  done
}
export -f await

# PID 1 of its namespace: whatever it leaves is ended with it.
inside() {
  set -euo pipefail
  ip link set lo up
  touch "$run/here"
  until [ -e "$run/online" ]; do sleep 0.05; done
  mkdir -p "$RINGWAY_DOCKER_DATA"
  # Two daemons must not share a folder.
  exec 9>"$RINGWAY_DOCKER_DATA/lock"
  flock 9
  dockerd --data-root "$RINGWAY_DOCKER_DATA/root" --exec-root "$run/exec" --pidfile "$run/pid" --host "unix://$run/docker.sock" --bridge none --cgroup-parent "/$(basename "$run")" --log-level warn >"$run/log" 2>&1 9>&- &
  daemon=$!
  export DOCKER_HOST="unix://$run/docker.sock"
  until docker info >/dev/null 2>&1; do
    kill -0 "$daemon" 2>/dev/null || { echo 'the Docker daemon ended while it started:' >&2; tail -n 20 "$run/log" >&2; exit 2; }
    sleep 0.1
  done
  # A run that was killed leaves containers in the folder, which would be started again.
  docker container ls --all --quiet | xargs --no-run-if-empty docker rm --force --volumes >/dev/null
  docker network prune --force >/dev/null
  docker volume prune --force >/dev/null
  code=0
  "$@" 9>&- &
  command=$!
  trap 'kill -TERM "$command" 2>/dev/null' TERM
  await "$command" || code=$?
  kill "$daemon"
  wait "$daemon" || true
  return "$code"
}
export -f inside

setpriv --pdeathsig KILL -- unshare --net --mount --pid --fork --kill-child --mount-proc bash -c 'inside "$@"' inside "$@" &
inner=$!
until [ -e "$run/here" ]; do
  kill -0 "$inner" 2>/dev/null || refuse 'its namespaces could not be made'
  sleep 0.05
done
first=$(ps -o pid= --ppid "$inner" | tr -d ' ')
trap 'kill -TERM "$first" 2>/dev/null' TERM INT HUP
setpriv --pdeathsig TERM -- slirp4netns --configure --mtu=65520 --disable-host-loopback "$first" tap0 --ready-fd 3 3>"$run/online.new" >/dev/null 2>"$run/slirp.log" &
slirp=$!
until [ -s "$run/online.new" ]; do
  kill -0 "$slirp" 2>/dev/null || { cat "$run/slirp.log" >&2; refuse 'slirp4netns did not start'; }
  sleep 0.05
done
mv "$run/online.new" "$run/online"
code=0
await "$inner" || code=$?
exit "$code"
