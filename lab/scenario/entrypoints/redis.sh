#!/bin/sh
# Start as the official image of Redis does: reachable from other containers, its data in the working folder.
set -eu

case "${1:-}" in
    -* | *.conf | "") set -- redis-server "$@" ;;
esac
[ "$1" = redis-server ] || exec "$@"

if [ "$(id -u)" = 0 ]; then
    chown redis:redis .
    exec setpriv --reuid=redis --regid=redis --init-groups "$0" "$@"
fi
exec "$@" --protected-mode no
