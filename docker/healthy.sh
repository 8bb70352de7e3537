#!/bin/bash
# usage: healthy.sh [HOST:PORT [PATH]]
# Exit code 0 where the door answers 200. Without arguments: /readyz of the service that is this container's main process, where its --listen says.
# Not a program of its own that asks: the base image has none, and starting Node so often costs more than an idle service.
set -eu
if [ $# -gt 0 ]; then
  door=$1
else
  door=$(tr '\0' '\n' </proc/1/cmdline | sed -n -e '/^--listen$/{n;p}' -e 's/^--listen=//p' | tail -n 1)
fi
exec 3<>"/dev/tcp/${door%:*}/${door##*:}"
printf 'GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "${2:-/readyz}" "$door" >&3
read -r _ status _ <&3
[ "$status" = 200 ]
