const { test, expect, signIn, hydrated, origin } = require('./fixtures');

test.describe.configure({ mode: 'serial' });

const TITLE = 'Index public.order_items on (order_id)';

async function open(page, title = TITLE) {
  await page.goto(`${origin()}/recommendations?q=${encodeURIComponent('order_items order_id')}`);
  await page.getByRole('link', { name: title, exact: true }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(title);
}

test('every step is shown before anything is done, and a notice comes wherever the person is', async ({ page }) => {
  await signIn(page);
  await open(page);
  await page.getByRole('link', { name: /Show the steps first|Apply without a measurement/ }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Before it is applied');
  await expect(page.getByRole('heading', { name: 'Checks' })).toBeVisible();
  await expect(page.locator('ol.steps').first()).toContainText('CREATE INDEX CONCURRENTLY');
  await expect(page.locator('ol.steps').nth(1)).toContainText('DROP INDEX CONCURRENTLY');
  await expect(page.getByText('SHARE UPDATE EXCLUSIVE').first()).toBeVisible();
  await hydrated(page);
  const reason = page.getByRole('textbox');
  if (await reason.count()) await reason.fill('seen in the end-to-end test');
  await page.getByRole('button', { name: 'Apply in the sandbox' }).click();
  await expect(page).toHaveURL(/\/recommendations\/[0-9a-f-]+$/);
  // The page is left; what ends is said all the same.
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Queries' }).click();
  await expect(page.getByRole('status').getByText(/Apply done/)).toBeVisible({ timeout: 60_000 });
});

test('changes show who, what came of them, and the trail; filters are in the URL', async ({ page }) => {
  await signIn(page);
  await page.goto(`${origin()}/changes`);
  const row = page.locator('tbody').first().locator('tr').first();
  await expect(row).toContainText(TITLE);
  await expect(row).toContainText('CREATE INDEX by owner');
  await expect(page.getByRole('region', { name: 'Apply side' })).toContainText('Ready');
  // It is measured again, and the page says what that came to without being asked.
  await hydrated(page);
  await expect(row).toContainText(/As predicted|Less than predicted|Undecided|Regression/, { timeout: 90_000 });
  await row.getByText('SQL, rollback').click();
  await expect(row).toContainText('uses it');
  await page.getByRole('link', { name: 'Drifted' }).click();
  await expect(page).toHaveURL(/status=drifted/);
  await expect(page.getByText('No change')).toBeVisible();
  // A table may be named without its schema.
  await page.goto(`${origin()}/changes?table=order_items`);
  await expect(page.locator('tbody').first()).toContainText(TITLE);
  await page.goto(`${origin()}/changes?table=order_item`);
  await expect(page.getByText('No change fits these filters')).toBeVisible();
  await page.goto(`${origin()}/changes?action=apply.intent`);
  await expect(page.locator('table').last()).toContainText('apply.intent');
  await expect(page.locator('table').last()).not.toContainText('apply.outcome');
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Export CSV' }).click();
  expect((await download).suggestedFilename()).toBe('optischema-audit.csv');
});

test('on a phone nothing of it lies outside the page', async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await signIn(page);
  await page.goto(`${origin()}/changes`);
  await expect(page.locator('tbody').first()).toContainText(TITLE);
  for (const table of await page.locator('.scroll').all()) {
    const beyond = await table.evaluate((element) => element.scrollWidth - element.clientWidth);
    expect(beyond).toBeLessThanOrEqual(0);
  }
});

test('everything that stands is rolled back together', async ({ page }) => {
  await signIn(page);
  await page.goto(`${origin()}/changes`);
  await hydrated(page);
  // Behind a filter nothing else is undone than what it shows.
  await page.goto(`${origin()}/changes?q=nothing-is-called-so`);
  await expect(page.getByText('No change fits these filters')).toBeVisible();
  await expect(page.getByText(/Roll back (all|these)…/)).toHaveCount(0);
  await page.goto(`${origin()}/changes`);
  const ids = await page.locator('tbody').first().locator('tr', { has: page.getByRole('button', { name: 'Roll back' }) })
    .evaluateAll((rows) => rows.map((row) => row.id).join(','));
  await expect(page.locator('input[name=changes]')).toHaveValue(ids);
  await hydrated(page);
  // What would be done is listed first.
  await page.getByText('Roll back all…').click();
  await expect(page.getByRole('listitem').filter({ hasText: TITLE }).first()).toBeVisible();
  await page.getByRole('button', { name: /Roll back \d+ change/ }).click();
  const row = page.locator('tbody').first().locator('tr').first();
  await expect(row).toContainText('Rolled back', { timeout: 60_000 });
});

test('selected recommendations become one reviewed migration', async ({ page }) => {
  await signIn(page);
  await page.goto(`${origin()}/recommendations`);
  const boxes = page.getByRole('checkbox');
  await boxes.nth(0).check();
  await boxes.nth(1).check();
  await page.getByRole('button', { name: /Export selected for production/ }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('For production');
  await expect(page.locator('ol.steps li')).toHaveCount(2);
  await expect(page.locator('figure.sql').first()).toContainText('lock_timeout');
  for (const [name, words] of [['Rails', 'ActiveRecord::Migration'], ['Django', 'migrations.RunSQL'], ['Alembic', 'def upgrade'], ['Flyway', 'executeInTransaction'], ['sqlx', '-- no-transaction'], ['Prisma', 'squawk-ignore-file'], ['Laravel', 'DB::unprepared']]) {
    await page.getByRole('navigation', { name: 'Form' }).getByRole('link', { name }).click();
    await expect(page.locator('figure.sql').filter({ hasText: words }).first()).toBeVisible();
  }
  for (const [name, file] of [['Download all', /^optischema-laravel\.zip$/], [/^Download \d/, /^\d{4}_\d\d_\d\d_\d{6}.*\.php$/]]) {
    const download = page.waitForEvent('download');
    await page.getByRole('link', { name }).first().click();
    expect((await download).suggestedFilename()).toMatch(file);
  }
});

test('where no WebSocket gets through, pages poll', async ({ page }) => {
  await page.routeWebSocket(/\/ws/, (socket) => socket.close());
  await signIn(page);
  await page.goto(`${origin()}/dashboard`);
  await hydrated(page);
  await page.getByRole('button', { name: 'Analyse workload' }).click();
  const card = page.locator('article.job').first();
  await expect(card).toContainText('The workload');
  await expect(card).toHaveAttribute('data-status', 'completed', { timeout: 60_000 });
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('steps are read, applied and rolled back by forms', async ({ page }) => {
    await signIn(page);
    await open(page);
    await page.getByRole('link', { name: /Show the steps first|Apply without a measurement/ }).click();
    const reason = page.getByRole('textbox');
    if (await reason.count()) await reason.fill('without JavaScript');
    await page.getByRole('button', { name: 'Apply in the sandbox' }).click();
    await expect(async () => {
      await page.goto(`${origin()}/changes?status=applied`);
      await expect(page.locator('tbody').first().locator('tr').first()).toContainText(TITLE, { timeout: 500 });
    }).toPass({ timeout: 60_000 });
    await page.locator('tbody').first().getByRole('button', { name: 'Roll back' }).click();
    await expect(async () => {
      await page.goto(`${origin()}/changes?status=applied`);
      await expect(page.getByText('No change')).toBeVisible({ timeout: 500 });
    }).toPass({ timeout: 60_000 });
  });
});
