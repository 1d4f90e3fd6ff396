#!/usr/bin/env bash
# Prisma's driver adapter for PostgreSQL (npm @prisma/adapter-pg 7.10.0) splits a script at every semicolon, also within a
# string, a comment and the body of a DO block. Prisma's own engine, which the adapter stands in for, sends a script as
# one query: a migration that `prisma migrate deploy` runs can fail through the adapter, and statements that were one
# transaction are several.
#
# Expected: executeScript sends one query with the whole script (or splits at the end of statements only).
# Seen:     three queries, cut within the literal and within the comment.
#
# Installs the package in a temporary folder; the adapter is given a client that writes down what it is asked. Exits
# non-zero if what is seen changes.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @prisma/adapter-pg@7.10.0 pg@8.23.1 >/dev/null
cat > ask.cjs <<'JS'
const pg = require("pg");
const { PrismaPg } = require("@prisma/adapter-pg");
const seen = [];
class Written extends pg.Pool {
  async query(text) {
    seen.push(typeof text === "string" ? text : text.text);
    return { rows: [], fields: [] };
  }
}
(async () => {
  const adapter = await new PrismaPg(new Written()).connect();
  await adapter.executeScript("SELECT 'a;b' -- one; two\n");
  console.log(JSON.stringify(seen));
})();
JS
seen="$(node ask.cjs)"
expected='["SELECT '"'"'a","b'"'"' -- one","two"]'
echo "$seen"
[ "$seen" = "$expected" ] || { echo 'what is seen has changed' >&2; exit 1; }
