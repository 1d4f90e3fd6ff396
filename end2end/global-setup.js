// Starts the real program with its demo in a fresh data folder, and stops it at the end. A panic of the
// server fails the run even where no page showed it.
const { spawn } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

const root = path.resolve(__dirname, '..');
const program = process.env.OPTISCHEMA_PROGRAM || path.join(root, 'target/debug/optischema');

async function startedWithLink(child, log) {
  const deadline = Date.now() + 180_000;
  while (Date.now() < deadline) {
    const text = fs.existsSync(log) ? fs.readFileSync(log, 'utf8') : '';
    const link = text.match(/http:\/\/\S+\/login\?code=\w+/);
    if (link) return link[0];
    if (child.exitCode !== null) throw new Error(`the demo ended early:\n${text}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`the demo did not start:\n${fs.readFileSync(log, 'utf8')}`);
}

module.exports = async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'optischema-e2e-'));
  fs.chmodSync(folder, 0o755);
  const log = path.join(folder, 'server.log');
  const out = fs.openSync(log, 'a');
  const child = spawn(program, ['demo', '--data-dir', path.join(folder, 'data'), '--listen', '127.0.0.1:0'],
    { cwd: root, stdio: ['ignore', out, out] });
  process.env.OPTISCHEMA_LINK = await startedWithLink(child, log);
  process.env.OPTISCHEMA_E2E_DATA = path.join(folder, 'data');
  return async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
    const text = fs.readFileSync(log, 'utf8');
    fs.rmSync(folder, { recursive: true, force: true });
    if (/panicked at/.test(text)) throw new Error(`the server panicked:\n${text}`);
  };
};
