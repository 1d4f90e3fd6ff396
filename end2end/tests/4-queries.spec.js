const { test, expect, signIn, hydrated, origin } = require('./fixtures');

test('a person finds the dearest statement, and sees why it is dear', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await signIn(page);
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Queries' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Queries');
  await hydrated(page);
  const rows = page.locator('tbody tr');
  await expect(rows.first()).toContainText('order_items');
  await expect(page.getByText(/Read last at .* entries/)).toBeVisible();

  // Search, order and time are in the URL.
  await page.getByLabel('Search').fill('ILIKE body');
  await page.getByLabel('Order').selectOption('mean');
  await page.getByRole('button', { name: 'Show' }).click();
  await expect(page).toHaveURL(/q=ILIKE.*sort=mean/);
  await expect(rows).toHaveCount(1);
  await page.getByLabel('Search').fill('order_items WHERE order_id');
  await page.getByRole('button', { name: 'Show' }).click();
  await rows.first().getByRole('link').click();

  // One statement.
  await expect(page).toHaveURL(/\/queries\/[0-9a-f]{16}/);
  await expect(page.locator('.sql-keyword').first()).toHaveText('SELECT');
  await expect(page.locator('.plan-tree')).toContainText('Seq Scan on order_items');
  await expect(page.getByRole('heading', { name: 'What could be done' })).toBeVisible();
  await expect(page.getByRole('link', { name: 'Index public.order_items on (order_id)' })).toBeVisible();
  await expect(page.getByText('order_items_pkey')).toBeVisible();
  await expect(page.getByText('most common values').first()).toBeVisible();
  await hydrated(page);
  await page.getByRole('button', { name: 'Copy' }).click();
  await expect(page.getByRole('button', { name: 'Copied' })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toContain('order_items');
  await page.getByRole('link', { name: 'Last hour' }).click();
  await expect(page).toHaveURL(/range=hour/);
  await expect(page.getByRole('link', { name: 'Last hour' })).toHaveAttribute('aria-current', 'page');
});

test('what cannot be planned is counted, with its reason', async ({ page }) => {
  await signIn(page);
  await page.goto(`${origin()}/queries`);
  await hydrated(page);
  const tab = page.getByRole('navigation', { name: 'Kind' }).getByRole('link', { name: /^Not planned/ });
  const count = Number((await tab.locator('.count').textContent()).trim());
  expect(count).toBeGreaterThan(0);
  await tab.click();
  await expect(page).toHaveURL(/planned=no/);
  await expect(page.locator('tbody tr')).toHaveCount(count);
  await expect(page.getByText('Not planned: it adds rows that it names').first()).toBeVisible();
});

test('a statement is added, planned, read again with main, and removed', async ({ page }) => {
  await signIn(page);
  await page.goto(`${origin()}/queries`);
  await hydrated(page);
  await page.getByText('Add statements or a log').click();
  await page.locator('textarea').fill("-- weight: 77\nSELECT id, price FROM products WHERE price BETWEEN 1 AND 2;\nSELEC;");
  await page.getByRole('button', { name: 'Add' }).click();
  await expect(page.getByText(/1 statement added/)).toBeVisible();
  await expect(page.getByText(/Not added: SELEC/)).toBeVisible();
  await page.goto(`${origin()}/queries?q=price%20between`);
  await hydrated(page);
  await expect(page.locator('tbody tr')).toContainText('typed in');
  await expect(page.locator('tbody tr')).toContainText('77');
  await page.getByRole('button', { name: 'Read main now' }).click();
  await expect(page.getByRole('button', { name: 'Read main now' })).toBeEnabled();
  await page.locator('tbody a').first().click();
  await expect(page.locator('.plan-tree')).toContainText('products');
  await hydrated(page);
  await page.getByRole('button', { name: 'Remove' }).click();
  await expect(page).toHaveURL(/\/queries$/);
  await page.goto(`${origin()}/queries?q=price%20between`);
  await expect(page.getByText('No statement fits these filters')).toBeVisible();
});

test('a statement that is not there says so', async ({ page }) => {
  await signIn(page);
  page.expectedProblems.push(/404/);
  const gone = await page.goto(`${origin()}/queries/0123456789abcdef`);
  expect(gone.status()).toBe(404);
  await expect(page.getByRole('alert')).toContainText('there is no query');
});
