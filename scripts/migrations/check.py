"""Runs every format up and down with its framework, and compares the catalogue each time.

After `up` it must equal the catalogue that the bare statements make when they are sent one by one,
to the letter of every name and constant; after `down` the one before. The server's log must show
each statement under its time limits, and afterwards the connection must have its old ones.
"""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg

HERE = Path(__file__).resolve().parent
WORK = Path(os.environ["WORK"])
SAMPLES = os.environ["SAMPLES"]
PYTHON = sys.executable

SETUP = """
CREATE SCHEMA app;
CREATE TABLE app.orders (id int PRIMARY KEY, status text, town text, postcode text, tags int[]);
INSERT INTO app.orders SELECT n, 'open', n / 10, n / 20, ARRAY[n] FROM generate_series(1, 2000) n;
CREATE INDEX old ON app.orders (town);
CREATE FUNCTION limits() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE LOG 'limits|%|%|%', current_setting('lock_timeout'), current_setting('statement_timeout'),
    CASE WHEN current_query() LIKE '%CONCURRENTLY%' THEN 'alone' ELSE 'together' END
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
UNION ALL SELECT 'column', attname, attstattarget::text, attoptions::text FROM pg_attribute
  WHERE attrelid = 'app.orders'::regclass AND attnum > 0
UNION ALL SELECT 'statistics', stxname, pg_get_statisticsobjdef(e.oid), (d.stxoid IS NOT NULL)::text
  FROM pg_statistic_ext e LEFT JOIN pg_statistic_ext_data d ON d.stxoid = e.oid
UNION ALL SELECT 'database', s.setconfig::text, '', '' FROM pg_db_role_setting s
ORDER BY 1, 2, 3
"""


def connect(database):
    return psycopg.connect(dbname=database, autocommit=True)


def fresh():
    with connect("postgres") as server:
        server.execute("DROP DATABASE IF EXISTS handover WITH (FORCE)")
        server.execute("CREATE DATABASE handover")
    with connect("handover") as database:
        database.execute(SETUP)
    return catalogue()


def catalogue():
    with connect("handover") as database:
        return database.execute(CATALOGUE).fetchall()


def vacuumed():
    with connect("handover") as database:
        return database.execute(
            "SELECT relallvisible > 0 FROM pg_class WHERE oid = 'app.orders'::regclass").fetchone()[0]


def expected(name):
    folder = written(name, "statements")
    fresh()
    with connect("handover") as database:
        for file in sorted(folder.iterdir()):
            database.execute(file.read_bytes())
    return catalogue()


def written(name, form):
    folder = WORK / f"{name}-{form}"
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([SAMPLES, name, form, folder], check=True)
    return folder


def call(*command, **options):
    env = os.environ | options.pop("env", {})
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, env=env,
                          timeout=120, **options)


SHOW = ["-c", "SELECT 'lock_timeout=' || current_setting('lock_timeout') || ' statement_timeout=' "
              "|| current_setting('statement_timeout')"]


def sql(folder, way):
    file = next(folder.glob(f"*.{way}.sql"))
    return call("psql", "-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-d", "handover", "-f", file, *SHOW)


def flyway(folder, way):
    """A stand-in: psql runs each script as its .conf asks Flyway to."""
    files = sorted(folder.glob("V*.sql")) if way == "up" else sorted(folder.glob("U*.sql"), reverse=True)
    for file in files:
        conf = (Path(str(file) + ".conf")).read_text()
        begin, commit = (["-c", "BEGIN"], ["-c", "COMMIT"]) if "executeInTransaction=true" in conf else ([], [])
        done = call("psql", "-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-d", "handover", *begin, "-f", file, *commit, *SHOW)
        if done.returncode:
            return done
    return done


def rails(folder, way):
    return call("ruby", HERE / "rails.rb", folder, way)


def django(driver):
    def run(folder, way):
        parent = folder.parent / f"{folder.name}-app"
        migrations = parent / "your_app" / "migrations"
        shutil.rmtree(parent, ignore_errors=True)
        migrations.mkdir(parents=True)
        for package in (parent / "your_app", migrations):
            (package / "__init__.py").touch()
        (migrations / "0001_initial.py").write_text(
            "from django.db import migrations\nclass Migration(migrations.Migration):\n    operations = []\n")
        for file in folder.iterdir():
            shutil.copy(file, migrations)
        return call(PYTHON, HERE / "django_run.py", parent, way, driver)
    return run


def alembic_folder(folder):
    home = folder.parent / f"{folder.name}-home"
    shutil.rmtree(home, ignore_errors=True)
    (home / "versions").mkdir(parents=True)
    shutil.copy(HERE / "alembic_env.py", home / "env.py")
    (home / "alembic.ini").write_text(f"[alembic]\nscript_location = {home}\n")
    for file in folder.iterdir():
        shutil.copy(file, home / "versions")
    return home


def alembic(driver, per_migration):
    def run(folder, way):
        home = alembic_folder(folder)
        target = ["upgrade", "head"] if way == "up" else ["downgrade", "base"]
        return call(PYTHON, "-m", "alembic", "-c", home / "alembic.ini", *target,
                    env={"DRIVER": driver, "PER_MIGRATION": per_migration})
    return run


def alembic_offline(folder, way):
    home = alembic_folder(folder)
    target = ["upgrade", "head"] if way == "up" else ["downgrade", "head:base"]
    command = [PYTHON, "-m", "alembic", "-c", str(home / "alembic.ini"), *target, "--sql"]
    script = subprocess.run(command, capture_output=True, env=os.environ | {"DRIVER": "psycopg"})
    if script.returncode:
        return subprocess.CompletedProcess(command, 1, "", script.stderr.decode())
    (home / "out.sql").write_bytes(script.stdout)
    return call("psql", "-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-d", "handover", "-f", home / "out.sql", *SHOW)


RUNNERS = [("sql", "psql", sql), ("flyway", "stand-in", flyway), ("rails", "activerecord", rails),
           ("django", "psycopg", django("psycopg")), ("alembic", "psycopg", alembic("psycopg", "0")),
           ("alembic", "psycopg, transaction_per_migration", alembic("psycopg", "1")),
           ("alembic", "offline", alembic_offline)]
REFUSES = {"rails": "IrreversibleMigration", "django": "IrreversibleError", "alembic": "NotImplementedError"}
failures = []
passed = 0


def check(label, holds, detail=""):
    global passed
    if holds:
        passed += 1
    else:
        failures.append(label)
        print(f"FAILED {label}\n{detail}")


def differences(one, other):
    return "\n".join(map(str, [f"- {row}" for row in one if row not in other] + [f"+ {row}" for row in other if row not in one]))


def spaced(rows):
    """Alembic's offline mode makes each tab of a statement four spaces, also within a constant."""
    return [tuple(str(v).replace("\t", "    ") if v else v for v in row) for row in rows]


def server_log():
    return Path(os.environ["PGHOST"], "log").read_bytes().decode(errors="replace")


def limits_of(log):
    return set(re.findall(r"limits\|(\w+)\|(\w+)\|(\w+) ours", log))


def there_and_back(name):
    goal = expected(name)
    for form, how, run in RUNNERS:
        label = f"{name}: {form} ({how})"
        wanted, before = goal, fresh()
        if how == "offline":
            wanted, before = spaced(goal), spaced(before)
        folder = written(name, form)
        for way, catalog in (("up", wanted), ("down", before)):
            start = len(server_log())
            done = run(folder, way)
            check(f"{label} {way} runs", done.returncode == 0, done.stdout[-500:] + done.stderr[-1500:])
            found = catalogue() if how != "offline" else spaced(catalogue())
            check(f"{label} {way} catalogue", found == catalog, differences(catalog, found))
            check(f"{label} {way} puts limits back", "lock_timeout=0 statement_timeout=0" in done.stdout, done.stdout)
            seen = limits_of(server_log()[start:])
            good = {("30min", "0", "alone"), ("5s", "1min", "together")}
            check(f"{label} {way} limits", seen and seen <= good, str(seen))
            if way == "up" and name == "ordinary":
                check(f"{label} vacuums", vacuumed())


def refusals():
    for form, how, run in RUNNERS:
        fresh()
        folder = written("irreversible", form)
        done = run(folder, "up")
        check(f"irreversible: {form} ({how}) up", done.returncode == 0 and vacuumed(), done.stderr[-800:])
        done = run(folder, "down")
        if form in REFUSES:
            check(f"irreversible: {form} ({how}) refuses", done.returncode != 0 and REFUSES[form] in done.stderr, done.stderr[-800:])
        else:
            check(f"irreversible: {form} ({how}) does nothing", done.returncode == 0, done.stderr[-800:])


def halves(name):
    for form, how, run in RUNNERS:
        if how == "offline":
            continue
        fresh()
        done = run(written(name, form), "up")
        check(f"{name}: {form} ({how}) fails", done.returncode != 0 and "app.missing" in done.stderr, done.stderr[-800:])
        check(f"{name}: {form} ({how}) leaves no half", not any(row[1] == "half" for row in catalogue()))


owned = Path(os.environ["OWNED"])
owned.unlink(missing_ok=True)
for one in ("hostile", "ordinary", "transactional"):
    there_and_back(one)
refusals()
halves("failing")
halves("failing-within")
check("no comment ran a command", not owned.exists())
print(f"{passed} passed, {len(failures)} failed")
sys.exit(bool(failures))
