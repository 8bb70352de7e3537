#!/bin/sh
# usage: docker/make-secrets.sh [FOLDER]
# Makes what compose.yaml wants as files in FOLDER (secrets/): nothing that is there is written over. Containers run as users of their own, so the files
# can be read by all, and the folder keeps everybody else of this machine out.
set -eu
folder=${1:-secrets}
mkdir -p "$folder"
chmod 700 "$folder"
random() { od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'; }
make() {
  [ -e "$folder/$1" ] || printf '%s\n' "$2" >"$folder/$1"
  chmod 444 "$folder/$1"
}
make ring-key "$(random 16)"
make operator-token "$(random 24)"
make postgres-password "$(random 24)"
make store-url "postgres://ringway:$(cat "$folder/postgres-password")@postgres:5432/ringway"
