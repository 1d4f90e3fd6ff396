"""How each framework runs a folder of migrations up and down.

Where a framework is not to be had (Flyway, goose, golang-migrate, Ecto), a stand-in follows its documented rules.
"""
import base64
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg

HERE = Path(__file__).resolve().parent
JS = HERE / "js" / "node_modules"
PYTHON = sys.executable
SHOW = ["-c", "SELECT 'lock_timeout=' || current_setting('lock_timeout') || ' statement_timeout=' "
              "|| current_setting('statement_timeout')"]


def call(*command, **options):
    env = os.environ | options.pop("env", {})
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, env=env,
                          timeout=240, **options)


def done(code, out="", err=""):
    return subprocess.CompletedProcess([], code, out, err)


def psql(*rest):
    return call("psql", "-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-d", "handover", *rest)


def in_order(folder, way, up, down):
    return sorted(folder.glob(up)) if way != "down" else sorted(folder.glob(down), reverse=True)


def sql(folder, way):
    for file in in_order(folder, way, "*.up.sql", "*.down.sql"):
        ran = psql("-f", file, *SHOW)
        if ran.returncode:
            return ran
    return ran


def flyway(folder, way):
    """A stand-in: psql runs each script as its .conf asks Flyway to."""
    for file in in_order(folder, way, "V*.sql", "U*.sql"):
        conf = Path(str(file) + ".conf").read_text()
        begin, commit = (["-c", "BEGIN"], ["-c", "COMMIT"]) if "executeInTransaction=true" in conf else ([], [])
        ran = psql(*begin, "-f", file, *commit, *SHOW)
        if ran.returncode:
            return ran
    return ran


def shown(connection):
    row = connection.execute("SELECT current_setting('lock_timeout'), current_setting('statement_timeout')").fetchone()
    return "lock_timeout=%s statement_timeout=%s" % row


def queries(texts):
    """Sends each text as one query, on one connection."""
    with psycopg.connect(dbname="handover", autocommit=True) as connection:
        for text in texts:
            try:
                connection.execute(text)
            except psycopg.Error as error:
                return done(1, "", str(error))
        return done(0, shown(connection))


def golang_migrate(folder, way):
    """A stand-in: a file is one query."""
    return queries([file.read_bytes().decode() for file in in_order(folder, way, "*.up.sql", "*.down.sql")])


def goose(folder, way):
    """A stand-in for goose's parser: marks are comments, and a statement stands between its Begin and End."""
    texts = []
    for file in in_order(folder, way, "*.sql", "*.sql"):
        part, held, wrapped = None, None, True
        statements = []
        for line in file.read_bytes().decode().split("\n"):
            mark = re.fullmatch(r"--\s*\+goose\s+(.*?)\s*", line)
            if mark is None:
                if held is not None:
                    held.append(line)
                elif line.strip() and not line.startswith("--"):
                    return done(1, "", f"{file.name}: outside of a statement: {line}")
            elif mark[1] == "NO TRANSACTION":
                wrapped = False
            elif mark[1] in ("Up", "Down"):
                part = mark[1].lower()
            elif mark[1] == "StatementBegin":
                held = []
            elif mark[1] == "StatementEnd":
                if part == ("down" if way == "down" else "up"):
                    statements.append("\n".join(held))
                held = None
            else:
                return done(1, "", f"{file.name}: no mark of goose: {line}")
        texts += ["BEGIN", *statements, "COMMIT"] if wrapped else statements
    return queries(texts)


def dbmate(folder, way):
    url = f"postgres://{os.environ['PGUSER']}@127.0.0.1:{os.environ['PGPORT']}/handover?sslmode=disable"
    command = [JS / ".bin" / "dbmate", "--url", url, "--migrations-dir", folder, "--no-dump-schema"]
    if way != "down":
        return call(*command, "up")
    for _ in folder.iterdir():
        ran = call(*command, "rollback")
        if ran.returncode:
            return ran
    return ran


def liquibase(folder, way):
    names = sorted(file.name for file in folder.glob("*.sql"))
    home = Path(f"{folder}-changelog")
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(folder, home)
    (home / "all.yaml").write_text("databaseChangeLog:\n" + "".join(
        f"  - include:\n      file: {name}\n" for name in names))
    sets = sum(file.read_text().count("\n--changeset ") for file in folder.glob("*.sql"))
    url = f"jdbc:postgresql://127.0.0.1:{os.environ['PGPORT']}/handover"
    command = [JS / "liquibase" / "dist" / "liquibase" / "liquibase", f"--url={url}",
               f"--username={os.environ['PGUSER']}", "--password=none", f"--search-path={home}",
               "--changelog-file=all.yaml", "--headless=true", "--analytics-enabled=false"]
    # A class path of its own would hide Liquibase's.
    env = {"LIQUIBASE_HOME": str(JS / "liquibase" / "dist" / "liquibase"), "JAVA_OPTS": "-Xshare:auto -XX:TieredStopAtLevel=1"}
    command = [part for part in command if part != "--analytics-enabled=false"]
    return call(*command, *(["update"] if way != "down" else ["rollback-count", sets]), env=env)


def node(tool):
    return lambda folder, way: call("node", HERE / "js" / "run.mjs", tool, folder, way)


def drizzle(folder, way):
    if way == "down":
        for file in sorted(folder.glob("*.down.sql"), reverse=True):
            ran = psql("-f", file)
            if ran.returncode:
                return ran
        return ran
    for file in sorted(folder.glob("*.before.sql")):
        ran = psql("-f", file)
        if ran.returncode:
            return ran
    return node("drizzle")(folder, way)


def rails(folder, way):
    return call("ruby", HERE / "rails.rb", folder, way)


def laravel(folder, way):
    return call("php", "-d", "display_errors=stderr", "-d", "error_reporting=8191", HERE / "laravel.php", folder, way)


def ecto(folder, way):
    """A stand-in: Elixir runs the module, and what it asks for is sent on one connection."""
    texts = []
    for file in in_order(folder, way, "*.exs", "*.exs"):
        ran = call("elixir", HERE / "ecto.exs", file, "down" if way == "down" else "up")
        if ran.returncode:
            return ran
        texts += [base64.b64decode(line).decode() for line in ran.stdout.split()]
    return queries(texts)


def django(folder, way):
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
    return call(PYTHON, HERE / "django_run.py", parent, way, "psycopg")


def alembic_folder(folder):
    home = folder.parent / f"{folder.name}-home"
    shutil.rmtree(home, ignore_errors=True)
    (home / "versions").mkdir(parents=True)
    shutil.copy(HERE / "alembic_env.py", home / "env.py")
    (home / "alembic.ini").write_text(f"[alembic]\nscript_location = {home}\n")
    for file in folder.iterdir():
        shutil.copy(file, home / "versions")
    return home


def alembic(per_migration):
    def run(folder, way):
        home = alembic_folder(folder)
        target = ["downgrade", "base"] if way == "down" else ["upgrade", "head"]
        return call(PYTHON, "-m", "alembic", "-c", home / "alembic.ini", *target,
                    env={"DRIVER": "psycopg", "PER_MIGRATION": per_migration})
    return run


def alembic_offline(folder, way):
    home = alembic_folder(folder)
    target = ["downgrade", "head:base"] if way == "down" else ["upgrade", "head"]
    command = [PYTHON, "-m", "alembic", "-c", str(home / "alembic.ini"), *target, "--sql"]
    script = subprocess.run(command, capture_output=True, env=os.environ | {"DRIVER": "psycopg"})
    if script.returncode:
        return done(1, "", script.stderr.decode())
    (home / "out.sql").write_bytes(script.stdout)
    return psql("-f", home / "out.sql", *SHOW)


RUNNERS = [
    ("sql", "psql", sql),
    ("flyway", "stand-in", flyway),
    ("golang-migrate", "stand-in", golang_migrate),
    ("goose", "stand-in", goose),
    ("dbmate", "dbmate", dbmate),
    ("liquibase", "liquibase", liquibase),
    ("rails", "activerecord", rails),
    ("django", "django", django),
    ("alembic", "alembic", alembic("0")),
    ("alembic", "transaction_per_migration", alembic("1")),
    ("alembic", "offline", alembic_offline),
    ("prisma", "schema engine", node("prisma")),
    ("drizzle", "drizzle-orm", drizzle),
    ("knex", "knex", node("knex")),
    ("typeorm", "typeorm", node("typeorm")),
    ("ecto", "stand-in", ecto),
    ("laravel", "illuminate/database", laravel),
]
