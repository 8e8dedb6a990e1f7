#!/bin/sh
# Start as the official image of PostgreSQL does: an empty data folder becomes a cluster with POSTGRES_USER,
# POSTGRES_PASSWORD and POSTGRES_DB. Scripts of /docker-entrypoint-initdb.d are not run: data comes from jobs.
set -eu

case "${1:-}" in
    -* | "") set -- postgres "$@" ;;
esac
[ "$1" = postgres ] || exec "$@"

if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA"
    chown postgres:postgres "$PGDATA" /var/run/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    user=${POSTGRES_USER:-postgres}
    database=${POSTGRES_DB:-$user}
    password=${POSTGRES_PASSWORD:-}
    method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [ -z "$password" ] && [ "$method" != trust ]; then
        echo "postgres: give POSTGRES_PASSWORD, or POSTGRES_HOST_AUTH_METHOD=trust" >&2
        exit 1
    fi
    printf '%s\n' "${password:-unused}" >/tmp/password
    # Its many words say nothing that a failure does not; the data is in memory, so that there is nothing to sync.
    # shellcheck disable=SC2086  # arguments for initdb, as the official image takes them
    initdb --no-sync --username="$user" --pwfile=/tmp/password --auth-local=trust ${POSTGRES_INITDB_ARGS:-} >/dev/null
    rm /tmp/password
    printf 'host all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
    if [ "$database" != postgres ]; then
        echo "CREATE DATABASE \"$database\"" | postgres --single -D "$PGDATA" template1 >/dev/null
    fi
fi
unset POSTGRES_PASSWORD
exec "$@" -c listen_addresses='*'
