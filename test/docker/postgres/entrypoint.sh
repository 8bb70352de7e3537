#!/bin/bash
# As root it makes the volume the server's own and gives its rights up; a first start makes the database that POSTGRES_USER, _DB and _PASSWORD_FILE describe.
set -euo pipefail
data=/var/lib/postgresql/data
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$data" /var/run/postgresql
  chown postgres:postgres "$data" /var/run/postgresql
  chmod 700 "$data"
  exec setpriv --reuid postgres --regid postgres --clear-groups "$0" "$@"
fi
if [ ! -e "$data/PG_VERSION" ]; then
  initdb -D "$data" -U "$POSTGRES_USER" -E UTF8 --locale=C -A scram-sha-256 --pwfile="$POSTGRES_PASSWORD_FILE"
  echo 'host all all all scram-sha-256' >>"$data/pg_hba.conf"
  PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
  export PGPASSWORD
  pg_ctl -D "$data" -w start -o "-c listen_addresses=''"
  createdb -U "$POSTGRES_USER" "$POSTGRES_DB"
  pg_ctl -D "$data" -w -m fast stop
fi
exec "$@" -D "$data" -c listen_addresses='*'
