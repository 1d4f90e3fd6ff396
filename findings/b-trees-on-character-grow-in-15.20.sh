#!/usr/bin/env bash
# From 15.20 on (Debian's postgresql-15 15.20-0+deb12u1), PostgreSQL no longer keeps equal values once in a B-tree on
# character(n): equal values may differ in their blanks. 15.18 (15.18-0+deb12u1) did. btequalimage says so of the type.
#
# Expected: within one major version an index that is built again has the size that it had.
# Seen:     with 1,000 values in 200,000 rows, the index on character(6) is more than three times as large in 15.20, and that
#           on varchar(6) is as it was. btequalimage('bpchar'::regtype) was true, and is false.
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

sizes() {
    local version="$1"
    mkdir -p "$folder/$version"
    (
        cd "$folder/$version"
        apt-get -qq download "postgresql-15=$version-0+deb12u1" "postgresql-client-15=$version-0+deb12u1" 2>/dev/null
        for package in ./*.deb; do dpkg -x "$package" .; done
    )
    chmod 755 "$folder"
    if [ "$(id -u)" = 0 ]; then chown -R nobody "$folder"; fi
    "${as_owner[@]}" "$(bin "$version")/initdb" -D "$folder/data-$version" -U postgres -A trust --no-locale -E UTF8 >/dev/null
    "${as_owner[@]}" "$(bin "$version")/pg_ctl" -D "$folder/data-$version" -w -l "$folder/log-$version" start -o \
        "-p ${version/./} -k $folder -c listen_addresses=" >/dev/null
    "$(bin "$version")/psql" -XAtq -h "$folder" -p "${version/./}" -U postgres -v ON_ERROR_STOP=1 \
        -c "CREATE TABLE codes AS SELECT lpad((i % 1000)::text, 6, 'c')::character(6) AS fixed,
                lpad((i % 1000)::text, 6, 'c')::varchar(6) AS varying FROM generate_series(1, 200000) i" \
        -c 'CREATE INDEX fixed ON codes (fixed)' -c 'CREATE INDEX varying ON codes (varying)' \
        -c "SELECT '$version: ' || pg_relation_size('fixed') || ' ' || pg_relation_size('varying') || ' '
                || btequalimage('bpchar'::regtype)"
}

seen="$(sizes 15.18; sizes 15.20)"
expected='15.18: 1384448 1384448 true
15.20: 4521984 1384448 false'
printf '%s\n' "$seen"
[ "$seen" = "$expected" ]
