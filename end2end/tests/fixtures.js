// A page that fails its test on any console error, and the ways in.
const { test: base, expect } = require('@playwright/test');
const fs = require('fs');
const path = require('path');

const link = () => process.env.OPTISCHEMA_LINK;
const origin = () => new URL(link()).origin;
const token = () => fs.readFileSync(path.join(process.env.OPTISCHEMA_E2E_DATA, 'token'), 'utf8').trim();

async function signIn(page) {
  await page.goto(`${origin()}/login`);
  await page.getByLabel('Token').fill(token());
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page).toHaveURL(/\/dashboard$/);
}

// Without JavaScript the browser fetches the program ahead of its use, and says after some seconds that
// nobody used it.
const unusedProgram = /\/pkg\/optischema\.wasm was preloaded using link preload but not used/;

const test = base.extend({
  page: async ({ page, javaScriptEnabled }, use) => {
    const problems = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) problems.push(message.text());
    });
    page.on('pageerror', (error) => problems.push(error.message));
    page.expectedProblems = javaScriptEnabled ? [] : [unusedProgram];
    await use(page);
    const unexpected = problems.filter((text) => !page.expectedProblems.some((known) => known.test(text)));
    expect(unexpected, 'console errors').toEqual([]);
  },
});

// The page is hydrated once the router has marked where we are and the scripts have run.
async function hydrated(page) {
  await page.waitForLoadState('networkidle');
}

module.exports = { test, expect, signIn, hydrated, link, origin, token };
