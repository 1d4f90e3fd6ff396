#!/usr/bin/env bash
# libpg_query 18 (npm libpg-query 18.1.5): the fingerprint of a statement leaves out the name of a table that has an alias, and
# the schemas of all tables. That of libpg_query 17 (PyPI pglast 7.22) has both.
#
# Expected: statements on two tables have two fingerprints, in each version, as they have two query ids in
#           pg_stat_statements of PostgreSQL 17; a fingerprint tells statements apart that differ in more than constants.
# Seen:     with 18 `FROM orders t` and `FROM events t` are one, and so are `one.orders` and `two.orders`; without alias and
#           schema they are two. PostgreSQL 18 itself goes by the name that a table has in the statement.
#
# Installs both packages in a temporary folder. Exits non-zero if what is seen changes.
set -euo pipefail
folder="$(mktemp -d /var/tmp/finding.XXXXXX)"
trap 'rm -rf "$folder"' EXIT
cat > "$folder/pairs.json" <<'JSON'
{
    "alias": ["SELECT * FROM orders t WHERE t.id = $1", "SELECT * FROM events t WHERE t.id = $1"],
    "no alias": ["SELECT * FROM orders WHERE id = $1", "SELECT * FROM events WHERE id = $1"],
    "update": ["UPDATE orders t SET a = 1 WHERE t.id = $1", "UPDATE events t SET a = 1 WHERE t.id = $1"],
    "schema": ["SELECT * FROM one.orders WHERE id = $1", "SELECT * FROM two.orders WHERE id = $1"],
    "digits": ["SELECT * FROM invoice_2024 WHERE id = $1", "SELECT * FROM invoice_2025 WHERE id = $1"]
}
JSON
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install pglast==7.22
of_17="$("$folder/venv/bin/python" - "$folder/pairs.json" <<'PY'
import json, sys
from pglast.parser import fingerprint

for name, (one, other) in json.load(open(sys.argv[1])).items():
    print(f"{name}: {'one' if fingerprint(one) == fingerprint(other) else 'two'}")
PY
)"
cat > "$folder/pairs.mjs" <<'JS'
import { readFileSync } from 'node:fs';
import * as parser from 'libpg-query';

await parser.loadModule();
for (const [name, [one, other]] of Object.entries(JSON.parse(readFileSync('pairs.json', 'utf8')))) {
    const same = await parser.fingerprint(one) === await parser.fingerprint(other);
    console.log(`${name}: ${same ? 'one' : 'two'}`);
}
JS
of_18="$(cd "$folder" && npm install --silent libpg-query@18.1.5 >/dev/null && node pairs.mjs)"
seen="$(printf '== 17\n%s\n== 18\n%s' "$of_17" "$of_18")"
expected='== 17
alias: two
no alias: two
update: two
schema: two
digits: one
== 18
alias: one
no alias: two
update: one
schema: one
digits: one'
printf '%s\n' "$seen"
[ "$seen" = "$expected" ]
