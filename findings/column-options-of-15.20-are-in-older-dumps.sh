#!/usr/bin/env bash
# PostgreSQL 15.20 (Debian's postgresql-15 15.20-0+deb12u1) gives every column of a table an option that nobody set: pg_attver,
# in pg_attribute.attoptions, with another number in each table. Its own pg_dump leaves it out. An older one (15.18-0+deb12u1)
# writes it as if a person had set it; so does 18.6-3.
#
# Expected: attoptions is null where no option was set, and within one major version any pg_dump makes a script that any
#           server runs.
# Seen:     attoptions is {pg_attver=…} in every table. The script of pg_dump 15.18 has ALTER COLUMN … SET (pg_attver=…), which
#           a server of 15.18 refuses (unrecognized parameter), and 15.20 takes and ignores: the column keeps its own number.
#
# Installs both versions in a temporary folder. Exits non-zero if what is seen changes. Needs apt-get of Debian 12, and runuser
# where run as root.
set -euo pipefail
folder="$(mktemp -d /var/tmp/finding.XXXXXX)"
as_owner=()
if [ "$(id -u)" = 0 ]; then
    as_owner=(runuser -u nobody --)
fi
bin() { printf '%s/%s/usr/lib/postgresql/15/bin' "$folder" "$1"; }
stop() {
    for version in 15.18 15.20; do
        "${as_owner[@]}" "$(bin "$version")/pg_ctl" -D "$folder/data-$version" -m immediate stop >/dev/null 2>&1 || true
    done
    rm -rf "$folder"
}
trap stop EXIT
for version in 15.18 15.20; do
    mkdir -p "$folder/$version"
    (
        cd "$folder/$version"
        apt-get -qq download "postgresql-15=$version-0+deb12u1" "postgresql-client-15=$version-0+deb12u1" 2>/dev/null
        for package in ./*.deb; do dpkg -x "$package" .; done
    )
done
chmod 755 "$folder"
if [ "$(id -u)" = 0 ]; then chown -R nobody "$folder"; fi
for version in 15.18 15.20; do
    "${as_owner[@]}" "$(bin "$version")/initdb" -D "$folder/data-$version" -U postgres -A trust >/dev/null
    "${as_owner[@]}" "$(bin "$version")/pg_ctl" -D "$folder/data-$version" -w -l "$folder/log-$version" start -o \
        "-p ${version/./} -k $folder -c listen_addresses=" >/dev/null
done

ask() {
    local version="$1"
    shift
    "$(bin 15.20)/psql" -XAtq -h "$folder" -p "${version/./}" -U postgres "$@"
}
own="SELECT coalesce(string_agg(DISTINCT split_part(option, '=', 1), ' '), 'none')
     FROM pg_attribute, unnest(attoptions) AS option WHERE attrelid = 'people'::regclass"
number="SELECT attoptions FROM pg_attribute WHERE attrelid = 'people'::regclass AND attname = 'id'"
for version in 15.18 15.20; do
    ask "$version" -c 'CREATE TABLE people (id int, name text)'
done
for version in 15.18 15.20; do
    "$(bin "$version")/pg_dump" -h "$folder" -p 1520 -U postgres -s postgres > "$folder/$version.sql"
done
before="$(ask 15.20 -c "$number")"
seen="$(
    echo "options in 15.18: $(ask 15.18 -c "$own")"
    echo "options in 15.20: $(ask 15.20 -c "$own")"
    echo "statements of pg_dump 15.18: $(grep -c 'SET (pg_attver=' "$folder/15.18.sql" || true)"
    echo "statements of pg_dump 15.20: $(grep -c 'SET (pg_attver=' "$folder/15.20.sql" || true)"
    set='ALTER TABLE people ALTER COLUMN id SET (pg_attver=5)'
    echo "set in 15.18: $(ask 15.18 -c "$set" 2>&1 | grep -o 'unrecognized parameter.*')"
    ask 15.20 -c "$set" && [ "$(ask 15.20 -c "$number")" = "$before" ] && echo 'set in 15.20: keeps its own'
)"
expected='options in 15.18: none
options in 15.20: pg_attver
statements of pg_dump 15.18: 2
statements of pg_dump 15.20: 0
set in 15.18: unrecognized parameter "pg_attver"
set in 15.20: keeps its own'
printf '%s\n' "$seen"
[ "$seen" = "$expected" ]
