#!/usr/bin/env bash
# Liquibase (npm liquibase 4.28.1): `${…}` in a formatted SQL changelog is filled in from the parameters that somebody
# defined, as its documentation of changelog parameters says, but also from the system properties of the Java machine,
# without anybody having defined one: in statements, in literals and in --rollback lines. A name that is neither stays.
#
# Expected: with no parameter defined, a literal '${…}' reaches the database as it is written.
# Seen:     '${file.separator}' becomes '/', '${java.specification.name}' the name of the platform; '${not.defined}' stays.
#
# Installs the package in a temporary folder and runs `update-sql` against no database. Needs Java and npm. Exits non-zero
# if what is seen changes.
set -euo pipefail
folder="$(mktemp -d /var/tmp/finding.XXXXXX)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund liquibase@4.28.1 >/dev/null
cat > changelog.sql <<'SQL'
--liquibase formatted sql

--changeset somebody:1
INSERT INTO notes (body) VALUES ('a ${file.separator} b');
INSERT INTO notes (body) VALUES ('c ${java.specification.name} d');
INSERT INTO notes (body) VALUES ('e ${not.defined} f');
--rollback DELETE FROM notes WHERE body = 'a ${file.separator} b';
SQL
home="$folder/node_modules/liquibase/dist/liquibase"
run() {
    LIQUIBASE_HOME="$home" "$home/liquibase" --log-level=off --show-banner=false --headless=true \
        --url='offline:postgresql?outputLiquibaseSql=none' --changelog-file=changelog.sql "$@" 2>/dev/null
}
seen="$(run update-sql)"
check() {
    if grep -qF -- "$1" <<<"$2"; then echo "seen: $1"; else echo "changed: no longer $1"; exit 1; fi
}
check "VALUES ('a / b')" "$seen"
check "VALUES ('c Java Platform API Specification d')" "$seen"
check "VALUES ('e \${not.defined} f')" "$seen"
# It keeps what it takes for done beside the changelog.
rm -f databasechangelog.csv
check "body = 'a / b'" "$(run future-rollback-sql)"
