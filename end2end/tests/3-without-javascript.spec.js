const { test, expect, signIn, origin } = require('./fixtures');

test.use({ javaScriptEnabled: false });

test('pages can be read and actions taken without JavaScript', async ({ page }) => {
  await signIn(page);
  await expect(page.getByRole('heading', { name: 'Worth doing' })).toBeVisible();
  await expect(page.locator('tbody tr').first()).toContainText('Index public.');

  // Search and filter by form.
  await page.goto(`${origin()}/recommendations`);
  await page.getByLabel('Search').fill('products');
  await page.getByRole('button', { name: 'Show' }).click();
  await expect(page).toHaveURL(/q=products/);
  // What saves little is folded away, and how much it saves depends on the machine's times.
  await page.goto(`${origin()}/recommendations?q=products&small=true`);
  await expect(page.locator('tbody tr')).toHaveCount(1);

  // Dismiss with a reason, and restore.
  await page.locator('tbody a').first().click();
  await page.getByLabel('Reason').fill('not worth a <write>');
  await page.getByRole('button', { name: 'Dismiss' }).click();
  await expect(page.locator('.head .badge')).toHaveText('Dismissed');
  await expect(page.getByText('Dismissed: not worth a <write>')).toBeVisible();
  await page.getByRole('button', { name: 'Restore' }).click();
  await expect(page.locator('.head .badge')).toHaveText('Pending');

  // Queue a benchmark; the page shows it, and a reload shows how it goes on.
  await page.getByRole('button', { name: 'Run benchmark' }).click();
  await expect(page.locator('article.job').first()).toBeVisible();
  await expect(async () => {
    await page.reload();
    await expect(page.locator('article.job').first()).toHaveAttribute('data-status', 'completed', { timeout: 500 });
  }).toPass({ timeout: 90_000 });
  await expect(page.locator('figure.chart svg').first()).toBeVisible();
});

test('the workload can be read and added to without JavaScript', async ({ page }) => {
  await signIn(page);
  await page.goto(`${origin()}/queries`);
  await page.locator('select[name=range]').selectOption('all');
  await page.getByLabel('Search').fill('order_items WHERE order_id');
  await page.getByRole('button', { name: 'Show' }).click();
  await expect(page).toHaveURL(/range=all/);
  await page.locator('tbody a').first().click();
  await expect(page.locator('.plan-tree')).toContainText('Seq Scan on order_items');
  await expect(page.getByRole('button', { name: 'Copy' })).toBeHidden();
  await page.goto(`${origin()}/queries`);
  await page.getByText('Add statements or a log').click();
  await page.locator('textarea').fill("SELECT name FROM products WHERE name = 'without a script'");
  await page.getByRole('button', { name: 'Add' }).click();
  await page.goto(`${origin()}/queries?q=script`);
  await page.locator('tbody a').first().click();
  await page.getByRole('button', { name: 'Remove' }).click();
  await page.goto(`${origin()}/queries?q=script`);
  await expect(page.getByText('No statement fits these filters')).toBeVisible();
});

test('the connections page says what works and what is missing', async ({ page }) => {
  await signIn(page);
  await page.goto(`${origin()}/connections`);
  await expect(page.getByText('The role can read and cannot write.')).toBeVisible();
  await expect(page.getByText('It is proven not to be main.')).toBeVisible();
  await expect(page.getByText('No replica is configured')).toBeVisible();
});
