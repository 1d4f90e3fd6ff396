const { test, expect, signIn, hydrated, origin } = require('./fixtures');

const statement = 'SELECT id, total FROM orders WHERE customer_id = 4242 ORDER BY created_at DESC LIMIT 20';
const change = 'CREATE INDEX orders_typed ON public.orders (customer_id, created_at DESC)';

test('a person types a statement and a change, and sees everything that was measured', async ({ page }, info) => {
  await signIn(page);
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Compare' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Compare');
  await hydrated(page);
  // What cannot be measured is refused in a sentence, and the texts stay.
  page.expectedProblems.push(/500/);
  await page.getByLabel('The statement, with its values').fill(statement);
  await page.getByLabel('The change, or the statement in its place').fill('DROP TABLE orders');
  await page.getByRole('button', { name: 'Measure' }).click();
  await expect(page.getByRole('alert')).toContainText('patch: it is no change that OptiSchema makes');
  await expect(page.getByLabel('The statement, with its values')).toHaveValue(statement);

  await page.getByLabel('The change, or the statement in its place').fill(change);
  await page.getByRole('button', { name: 'Measure' }).click();
  await expect(page).toHaveURL(/\/benchmarks\//);
  await expect(page.getByRole('heading', { name: 'Result' })).toBeVisible({ timeout: 90_000 });
  const result = page.getByRole('region', { name: 'Result' });
  for (const part of ['Run times', 'Pairs over time', 'By parameter values', 'Plans', 'The index, and what writes cost',
    'The rest of the workload', 'How far it can be trusted', 'To repeat it']) {
    await expect(result.getByRole('heading', { name: part })).toBeVisible();
  }
  await expect(result.getByText('Faster').first()).toBeVisible();
  await expect(result.getByText(/No difference found in 10 rows, order included/)).toBeVisible();
  await expect(result.getByText('UPDATE of an indexed column (customer_id)')).toBeVisible();
  await expect(result.locator('figure.chart svg[role=img]')).toHaveCount(3);
  await expect(result.getByText('read orders', { exact: true })).toBeVisible();
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(overflow).toBeLessThanOrEqual(0);

  // The report is one file that needs nothing from outside.
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'HTML report' }).click();
  const file = info.outputPath('report.html');
  await (await download).saveAs(file);
  const requests = [];
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(`file://${file}`);
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Typed in: CREATE INDEX');
  await expect(page.getByText('Pairs over time')).toBeVisible();
  expect(requests.filter((url) => !url.startsWith('file:'))).toEqual([]);
});

test('two statements are compared without JavaScript', async ({ browser }) => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await signIn(page);
  const before = 'SELECT id FROM customers WHERE id IN (SELECT customer_id FROM orders WHERE total > 900)';
  await page.goto(`${origin()}/compare?statement=${encodeURIComponent(before)}`);
  await expect(page.getByLabel('The statement, with its values')).toHaveValue(before);
  // A join repeats customers with several orders.
  await page.getByLabel('The change, or the statement in its place')
    .fill('SELECT c.id FROM customers c JOIN orders o ON o.customer_id = c.id WHERE o.total > 900');
  await page.getByRole('button', { name: 'Measure' }).click();
  await expect(page).toHaveURL(/\/benchmarks\//);
  await expect(async () => {
    await page.reload();
    await expect(page.getByRole('heading', { name: 'Result' })).toBeVisible({ timeout: 1000 });
  }).toPass({ timeout: 90_000 });
  await expect(page.getByText('Different rows').first()).toBeVisible();
  await expect(page.getByText(/The row \(\d+\) comes once without the change and .* with it/).first()).toBeVisible();
  await context.close();
});

test('selected recommendations are measured together, and each says what it carries', async ({ page }) => {
  test.setTimeout(240_000);
  await signIn(page);
  await page.goto(`${origin()}/recommendations?type=index&sort=impact`);
  await hydrated(page);
  for (const title of ['Index public.order_items on (order_id)', 'Index public.reviews on (customer_id)']) {
    await page.getByRole('checkbox', { name: `Choose: ${title}` }).first().check();
  }
  await page.getByRole('button', { name: 'Benchmark the selected' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Benchmark together');
  await expect(page.getByRole('main').getByRole('listitem')).toHaveCount(2);
  await hydrated(page);
  await page.getByRole('button', { name: 'Benchmark the selected' }).click();
  await expect(page).toHaveURL(/\/benchmarks\//);
  const result = page.getByRole('region', { name: 'Result' });
  await expect(result.getByRole('heading', { name: 'What each change carries' })).toBeVisible({ timeout: 180_000 });
  await expect(result.getByText('Faster').first()).toBeVisible();
  await expect(result.getByRole('row', { name: /reviews on \(customer_id\)/ })).toContainText('%');
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(overflow).toBeLessThanOrEqual(0);
});
