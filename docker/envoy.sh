#!/bin/sh
# Entry point of the image `envoy`: the shipped configuration for this place (RINGWAY_ZONE, RINGWAY_RING_KEY_FILE or RINGWAY_RING_KEY, RINGWAY_CHARM,
# RINGWAY_WEBAPP, RINGWAY_CONSUL: `ringway envoy-config --help`) goes to /tmp, then Envoy takes this process's place. Arguments are Envoy's.
set -eu
umask 077
node services/main.ts envoy-config >/tmp/envoy.json
exec envoy -c /tmp/envoy.json --disable-hot-restart --concurrency "${RINGWAY_CONCURRENCY:-2}" --log-level warning "$@"
