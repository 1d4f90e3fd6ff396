"""Runs every format up and down with its framework, and compares the catalogue each time.

After `up` it must equal the catalogue that the bare statements make when they are sent one by one,
to the letter of every name and constant; after `down` the one before. The server's log must show
each statement under its time limits, and afterwards the connection must have its old ones. What was cut off
must be repeatable, and the linter squawk must have nothing to say.
"""
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from runners import JS, RUNNERS, call, psql

WORK = Path(os.environ["WORK"])
SAMPLES = os.environ["SAMPLES"]

SETUP = """
CREATE SCHEMA app;
CREATE TABLE app.orders (id int PRIMARY KEY, status text, town text, postcode text, tags int[]);
INSERT INTO app.orders SELECT n, 'open', n / 10, n / 20, ARRAY[n] FROM generate_series(1, 2000) n;
CREATE INDEX old ON app.orders (town);
CREATE TABLE app.part (id bigint, at date) PARTITION BY RANGE (at);
CREATE TABLE app.part_1 PARTITION OF app.part FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE app.part_2 PARTITION OF app.part FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') PARTITION BY RANGE (at);
CREATE TABLE app.part_21 PARTITION OF app.part_2 FOR VALUES FROM ('2026-02-01') TO ('2026-02-15');
CREATE FUNCTION limits() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE LOG 'limits|%|%|%', current_setting('lock_timeout'), current_setting('statement_timeout'),
    CASE WHEN current_query() LIKE '%CONCURRENTLY%' AND current_query() NOT LIKE 'DO %' THEN 'alone'
         ELSE 'together' END
      || CASE WHEN current_query() LIKE '%app.%' THEN ' ours' ELSE '' END;
END $$;
CREATE EVENT TRIGGER limits ON ddl_command_start EXECUTE FUNCTION limits();
"""
CATALOGUE = """
SELECT 'index', c.relname, pg_get_indexdef(i.indexrelid) || coalesce(obj_description(c.oid), ''),
       i.indisvalid::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  WHERE c.relnamespace = 'app'::regnamespace
UNION ALL SELECT 'table', relname, reloptions::text, '' FROM pg_class
  WHERE relnamespace = 'app'::regnamespace AND relkind = 'r'
UNION ALL SELECT 'column', attname, attstattarget::text, 
       array(SELECT o FROM unnest(attoptions) o WHERE o NOT LIKE 'pg\\_%' ORDER BY 1)::text || atttypid::regtype
  FROM pg_attribute WHERE attrelid = 'app.orders'::regclass AND attnum > 0
UNION ALL SELECT 'statistics', stxname, pg_get_statisticsobjdef(e.oid), (d.stxoid IS NOT NULL)::text
  FROM pg_statistic_ext e LEFT JOIN pg_statistic_ext_data d ON d.stxoid = e.oid
UNION ALL SELECT 'attached', inhrelid::regclass::text, inhparent::regclass::text, '' FROM pg_inherits
UNION ALL SELECT 'extension', extname, '', '' FROM pg_extension
UNION ALL SELECT 'file', name, setting, '' FROM pg_file_settings WHERE sourcefile LIKE '%auto.conf'
UNION ALL SELECT 'database', s.setconfig::text, '', '' FROM pg_db_role_setting s
ORDER BY 1, 2, 3
"""
# What a tool keeps of itself.
RECORDS = """
DROP TABLE IF EXISTS _prisma_migrations, schema_migrations, ar_internal_metadata, django_migrations, alembic_version,
  knex_migrations, knex_migrations_lock, migrations, databasechangelog, databasechangeloglock;
DROP SCHEMA IF EXISTS drizzle CASCADE;
"""
REFUSES = {"rails": "IrreversibleMigration", "django": "IrreversibleError", "alembic": "NotImplementedError",
           "knex": "cannot be undone", "typeorm": "cannot be undone", "laravel": "cannot be undone",
           "ecto": "cannot be undone"}
# These send a file as one query: after a failure a person drops what is invalid, and runs it again.
SOLE = {"golang-migrate", "dbmate", "prisma"}
# These keep the state of their connection to themselves.
HIDDEN = {"dbmate", "liquibase", "prisma", "drizzle", "knex", "typeorm", "laravel"}
failures = []
passed = 0


def check(label, holds, detail=""):
    global passed
    if holds:
        passed += 1
    else:
        failures.append(label)
        print(f"FAILED {label}\n{detail}", flush=True)


def connect(database):
    return psycopg.connect(dbname=database, autocommit=True)


def execute(text):
    with connect("handover") as database:
        database.execute(text)


def fresh():
    with connect("postgres") as server:
        server.execute("DROP DATABASE IF EXISTS handover WITH (FORCE)")
        server.execute("CREATE DATABASE handover")
        server.execute("ALTER SYSTEM RESET ALL")
    execute(SETUP)
    return catalogue()


def catalogue():
    with connect("handover") as database:
        return database.execute(CATALOGUE).fetchall()


def vacuumed():
    with connect("handover") as database:
        return database.execute(
            "SELECT relallvisible > 0 FROM pg_class WHERE oid = 'app.orders'::regclass").fetchone()[0]


def written(name, form):
    folder = WORK / f"{name}-{form}"
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([SAMPLES, name, form, folder], check=True)
    return folder


def expected(name, prepare="SELECT 1"):
    folder = written(name, "statements")
    fresh()
    execute(prepare)
    with connect("handover") as database:
        for file in sorted(folder.iterdir()):
            database.execute(file.read_bytes())
    return catalogue()


def differences(one, other):
    return "\n".join(map(str, [f"- {row}" for row in one if row not in other] + [f"+ {row}" for row in other if row not in one]))


def spaced(rows):
    """Alembic's offline mode makes each tab of a statement four spaces, also within a constant."""
    return [tuple(str(v).replace("\t", "    ") if v else v for v in row) for row in rows]


def server_log():
    return Path(os.environ["PGHOST"], "log").read_bytes().decode(errors="replace")


def limits_of(log):
    return set(re.findall(r"limits\|(\w+)\|(\w+)\|(\w+) ours", log))


def put_back(form, output, log):
    if form not in HIDDEN:
        return "lock_timeout=0 statement_timeout=0" in output
    for name in ("lock_timeout", "statement_timeout"):
        settings = re.findall(rf"\b(SET|RESET) {name}\b", log)
        if settings and settings[-1] != "RESET":
            return False
    return True


def there_and_back(name, undone=True):
    goal = expected(name)
    for form, how, run in RUNNERS:
        label = f"{name}: {form} ({how})"
        same = spaced if how == "offline" else list
        wanted, before = same(goal), same(fresh())
        folder = written(name, form)
        for way, catalog in (("up", wanted), ("down", before)):
            if way == "down" and not undone:
                continue
            start = len(server_log())
            done = run(folder, way)
            log = server_log()[start:]
            check(f"{label} {way} runs", done.returncode == 0, done.stdout[-800:] + done.stderr[-1500:])
            found = same(catalogue())
            check(f"{label} {way} catalogue", found == catalog, differences(catalog, found))
            check(f"{label} {way} puts limits back", put_back(form, done.stdout, log), done.stdout[-300:])
            seen = limits_of(log)
            good = {("30min", "0", "alone"), ("5s", "1min", "together"), ("5s", "0", "together")}
            if form == "dbmate" and way == "down":
                # Each `dbmate rollback` is a connection of its own, which keeps no limits for the next.
                good.add(("0", "0", "alone"))
            check(f"{label} {way} limits", seen and seen <= good, str(seen))
            if way == "up" and name == "ordinary":
                check(f"{label} vacuums", vacuumed())


def refusals():
    for form, how, run in RUNNERS:
        fresh()
        folder = written("irreversible", form)
        done = run(folder, "up")
        check(f"irreversible: {form} ({how}) up", done.returncode == 0 and (vacuumed() or form == "drizzle"), done.stderr[-800:])
        done = run(folder, "down")
        said = done.stderr + done.stdout
        if form in REFUSES:
            check(f"irreversible: {form} ({how}) refuses", done.returncode != 0 and REFUSES[form] in said, said[-800:])
        else:
            check(f"irreversible: {form} ({how}) does nothing", done.returncode == 0, said[-800:])


def halves(name):
    for form, how, run in RUNNERS:
        if how == "offline":
            continue
        fresh()
        done = run(written(name, form), "up")
        said = done.stderr + done.stdout
        check(f"{name}: {form} ({how}) fails", done.returncode != 0 and "app.missing" in said, said[-800:])
        check(f"{name}: {form} ({how}) leaves no half", not any(row[1] == "half" for row in catalogue()))


def repeated():
    """A unique index that cannot be built leaves an invalid one; once the rows are mended, the same files run through."""
    goal = None
    for form, how, run in RUNNERS:
        if how == "offline":
            continue
        label = f"repeated: {form} ({how})"
        goal = goal or expected("unique", "UPDATE app.orders SET postcode = id::text")
        fresh()
        execute("UPDATE app.orders SET postcode = 'same' WHERE id < 3")
        folder = written("unique", form)
        done = run(folder, "up")
        check(f"{label} fails first", done.returncode != 0, done.stdout)
        invalid = [row for row in catalogue() if row[0] == "index" and row[3] == "false"]
        check(f"{label} leaves an invalid index", len(invalid) == 1, str(invalid))
        execute("UPDATE app.orders SET postcode = id::text")
        if form in SOLE - {"golang-migrate"}:
            done = run(folder, "resolved")
            said = done.stderr + done.stdout
            check(f"{label} takes no invalid index", done.returncode != 0 and "already exists" in said, said[-800:])
            execute("DROP INDEX app.one_of_a_kind")
            way = "resolved"
        else:
            way = "up"
        done = run(folder, way)
        check(f"{label} runs then", done.returncode == 0, done.stdout[-800:] + done.stderr[-1500:])
        check(f"{label} catalogue", catalogue() == goal, differences(goal, catalogue()))
        # As if each step had ended, and none had been recorded.
        execute(RECORDS)
        done = run(folder, "up")
        if form in SOLE - {"golang-migrate"}:
            said = done.stderr + done.stdout
            check(f"{label} builds nothing twice", done.returncode != 0 and "already exists" in said, said[-800:])
            continue
        check(f"{label} finished steps", done.returncode == 0 and catalogue() == goal,
              done.stdout[-800:] + done.stderr[-800:] + differences(goal, catalogue()))


def taken():
    """An index of that name that is another one is not taken for the one that was meant."""
    for form, how, run in RUNNERS:
        if how == "offline":
            continue
        fresh()
        execute("UPDATE app.orders SET postcode = id::text; CREATE INDEX one_of_a_kind ON app.orders (town)")
        done = run(written("unique", form), "up")
        said = done.stderr + done.stdout
        check(f"taken: {form} ({how})", done.returncode != 0 and ("another one" in said or "already exists" in said), said[-800:])


def built_by_another():
    """An index that another session is building is invalid, and must not be dropped."""
    fresh()
    execute("UPDATE app.orders SET postcode = id::text")
    file = next(written("unique", "sql").glob("*one_of_a_kind.up.sql"))
    with connect("handover") as older:
        older.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
        builder = subprocess.Popen(["psql", "-X", "-d", "handover", "-c",
            "CREATE UNIQUE INDEX CONCURRENTLY one_of_a_kind ON app.orders (postcode)"])
        while not [row for row in catalogue() if row[1] == "one_of_a_kind"]:
            time.sleep(0.1)
        done = psql("-f", file)
        check("built by another: waits for nobody", done.returncode != 0 and "another session builds" in done.stderr, done.stderr)
        older.execute("COMMIT")
        check("built by another: is built", builder.wait(60) == 0 and
              [row[3] for row in catalogue() if row[1] == "one_of_a_kind"] == ["true"])


def rebuilt():
    """What REINDEX CONCURRENTLY left behind is dropped before it runs again."""
    for form, how, run in RUNNERS:
        fresh()
        before = catalogue()
        execute("CREATE INDEX old_ccnew ON app.orders (town); UPDATE pg_index SET indisvalid = false "
                "WHERE indexrelid = 'app.old_ccnew'::regclass")
        done = run(written("rebuild", form), "up")
        check(f"rebuild: {form} ({how})", done.returncode == 0 and catalogue() == before,
              done.stderr[-800:] + differences(before, catalogue()))


def linted():
    for form in sorted({form for form, _, _ in RUNNERS} | {"sqlx"}):
        for name in ("ordinary", "kinds", "transactional", "irreversible", "unique", "hostile", "rebuild"):
            files = sorted(written(name, form).rglob("*.sql"))
            if files:
                done = call(JS / ".bin" / "squawk", "--reporter", "gcc", *files)
                check(f"squawk: {form} {name}", done.returncode == 0 and "warning" not in done.stdout,
                      done.stdout[-1500:] + done.stderr[-500:])


owned = Path(os.environ["OWNED"])
owned.unlink(missing_ok=True)
only = os.environ.get("ONLY")
if only:
    RUNNERS[:] = [runner for runner in RUNNERS if runner[0] in only.split(",")]
linted()
for one in ("hostile", "ordinary", "transactional"):
    there_and_back(one)
there_and_back("kinds", undone=False)
refusals()
halves("failing")
halves("failing-within")
repeated()
taken()
built_by_another()
rebuilt()
check("no comment ran a command", not owned.exists())
print(f"{passed} passed, {len(failures)} failed")
sys.exit(bool(failures))
