// The story is one person's afternoon: one worker, one order, one instance of the real program.
const { defineConfig } = require('@playwright/test');
const fs = require('fs');

const system = ['/usr/bin/chromium', '/usr/bin/google-chrome', '/usr/bin/chromium-browser',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'].find((path) => fs.existsSync(path));

module.exports = defineConfig({
  testDir: './tests',
  workers: 1,
  fullyParallel: false,
  retries: 0,
  timeout: 120_000,
  expect: { timeout: 20_000 },
  reporter: [['list']],
  globalSetup: require.resolve('./global-setup.js'),
  use: {
    browserName: 'chromium',
    screenshot: 'only-on-failure',
    launchOptions: {
      // Where the system has no browser, Playwright's own is used.
      executablePath: system,
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
        '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    },
  },
});
