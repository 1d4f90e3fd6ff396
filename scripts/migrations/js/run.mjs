// run.mjs prisma|drizzle|knex|typeorm <folder> up|down: runs a folder of migrations with the tool's own migrator.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const [tool, folder, way] = process.argv.slice(2);
const { PGHOST, PGPORT, PGUSER } = process.env;
const connection = { host: PGHOST, port: Number(PGPORT), user: PGUSER, database: "handover" };
const url = `postgresql://${PGUSER}@127.0.0.1:${PGPORT}/handover`;
const sorted = () => fs.readdirSync(folder).sort();

const tools = {
  // The engine of `prisma migrate deploy`, as the package of its WASM build holds it.
  async prisma() {
    const runtime = await import("@prisma/schema-engine-wasm/schema_engine_bg");
    const { bindMigrationAwareSqlAdapterFactory } = await import("@prisma/driver-adapter-utils");
    const { PrismaPg } = await import("@prisma/adapter-pg");
    const module = require.resolve("@prisma/schema-engine-wasm/schema_engine_bg").replace(/\.js$/, ".wasm");
    const instance = new WebAssembly.Instance(new WebAssembly.Module(fs.readFileSync(module)), {
      "./schema_engine_bg.js": runtime,
    });
    runtime.__wbg_set_wasm(instance.exports);
    instance.exports.__wbindgen_start();
    // The program's engine sends a script as one query; the adapter would split it at every semicolon, also of a comment
    // and of a function's body (findings/prisma-adapter-splits-scripts.sh).
    class WholeScripts extends PrismaPg {
      async connect() {
        const adapter = await super.connect();
        adapter.executeScript = (script) => adapter.client.query(script).then(() => undefined, (error) => adapter.onError(error));
        return adapter;
      }
    }
    const factory = bindMigrationAwareSqlAdapterFactory(new WholeScripts({ connectionString: url }));
    const engine = await runtime.SchemaEngine.new({ datamodels: undefined }, () => {}, factory);
    const read = (name, file) => fs.readFileSync(path.join(folder, name, file), "utf8");
    if (way === "down") {
      // `prisma db execute` sends a file as one script.
      const { default: pg } = await import("pg");
      const client = new pg.Client(connection);
      await client.connect();
      for (const name of sorted().reverse()) await client.query(read(name, "down.sql"));
      await client.query("DROP TABLE IF EXISTS _prisma_migrations");
      await client.end();
      return;
    }
    const directories = sorted().map((name) => ({
      path: name,
      migrationFile: { path: "migration.sql", content: { tag: "ok", value: read(name, "migration.sql") } },
    }));
    const list = {
      baseDir: folder,
      lockfile: { path: "migration_lock.toml", content: 'provider = "postgresql"\n' },
      shadowDbInitScript: "",
      migrationDirectories: directories,
    };
    if (way === "resolved") {
      const failed = await engine.diagnoseMigrationHistory({
        migrationsList: list, optInToShadowDatabase: false, filters: { externalTables: [], externalEnums: [] },
      });
      for (const migrationName of failed.failedMigrationNames) await engine.markMigrationRolledBack({ migrationName });
    }
    await engine.applyMigrations({ migrationsList: list, filters: { externalTables: [], externalEnums: [] } });
  },

  async drizzle() {
    const { default: pg } = await import("pg");
    const { drizzle } = await import("drizzle-orm/node-postgres");
    const { migrate } = await import("drizzle-orm/node-postgres/migrator");
    const home = `${folder}-drizzle`;
    fs.rmSync(home, { recursive: true, force: true });
    fs.mkdirSync(path.join(home, "meta"), { recursive: true });
    // What `drizzle-kit generate --custom` writes for each migration.
    const names = sorted().filter((name) => !/\.(before|down)\.sql$/.test(name));
    const entries = names.map((name, idx) => ({ idx, version: "7", when: 1000 + idx, tag: name.replace(/\.sql$/, ""), breakpoints: true }));
    for (const name of names) fs.copyFileSync(path.join(folder, name), path.join(home, name));
    fs.writeFileSync(path.join(home, "meta", "_journal.json"), JSON.stringify({ version: "7", dialect: "postgresql", entries }));
    const pool = new pg.Pool({ ...connection, max: 1 });
    try {
      await migrate(drizzle(pool), { migrationsFolder: home });
    } finally {
      await pool.end();
    }
  },

  async knex() {
    const { default: knex } = await import("knex");
    const database = knex({ client: "pg", connection, pool: { min: 0, max: 4 } });
    try {
      const options = { directory: folder, loadExtensions: [".cjs"] };
      if (way === "down") await database.migrate.rollback(options, true);
      else await database.migrate.latest(options);
    } finally {
      await database.destroy();
    }
  },

  async typeorm() {
    require("reflect-metadata");
    const typescript = require("typescript");
    const { DataSource } = require("typeorm");
    const home = fs.mkdtempSync(path.join(path.dirname(new URL(import.meta.url).pathname), "node_modules", ".typeorm-"));
    const source = new DataSource({
      type: "postgres", ...connection, username: PGUSER, migrationsTransactionMode: "each",
      migrations: sorted().map((name) => {
        const text = fs.readFileSync(path.join(folder, name), "utf8");
        const { outputText } = typescript.transpileModule(text, { compilerOptions: { module: "commonjs", target: "es2022" } });
        const file = path.join(home, name.replace(/\.ts$/, ".cjs"));
        fs.writeFileSync(file, outputText);
        return Object.values(require(file))[0];
      }),
    });
    try {
      await source.initialize();
      // To revert, the command line takes the transaction's kind from its option alone, not from the migration.
      const revert = (transaction) => source.undoLastMigration({ transaction });
      const last = (name) => source.migrations.find((migration) => migration.constructor.name === name);
      if (way === "down") {
        for (const { name } of await source.query("SELECT name FROM migrations ORDER BY id DESC")) {
          await revert(last(name).transaction === false ? "none" : "each");
        }
      }
      else await source.runMigrations({ transaction: "each" });
    } finally {
      if (source.isInitialized) await source.destroy();
      fs.rmSync(home, { recursive: true });
    }
  },
};

tools[tool]().then(() => process.exit(0), (error) => {
  console.error(error?.cause ?? error);
  console.error(String(error?.message ?? error));
  process.exit(1);
});
