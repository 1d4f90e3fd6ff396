const { test, expect, signIn, hydrated, origin } = require('./fixtures');

test('a person tries an index without building it, and sees what it would do', async ({ page }) => {
  await signIn(page);
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'What if' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('What if');
  await hydrated(page);
  await page.getByLabel('An index, as SQL').fill('CREATE INDEX ON orders (customer_id) INCLUDE (total)');
  await page.getByRole('button', { name: 'Plan the workload with it' }).click();
  await expect(page).toHaveURL(/index=CREATE/);
  await expect(page.getByText(/statements would use it/)).toBeVisible();
  await expect(page.locator('tbody tr').first()).toContainText('customer_id');
  await expect(page.getByText('Write cost')).toBeVisible();

  // What cannot be planned with is refused in a sentence.
  await page.getByLabel('An index, as SQL').fill('DROP TABLE orders');
  await page.getByRole('button', { name: 'Plan the workload with it' }).click();
  await expect(page.getByText(/not a CREATE INDEX/)).toBeVisible();
});

test('what was rejected has its reason, and leads to the question what it would do', async ({ page }) => {
  await signIn(page);
  await page.goto(`${origin()}/recommendations`);
  await page.getByRole('link', { name: /looked at and rejected/ }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Rejected candidates');
  await expect(page.getByText('what is recommended serves the same statements').first()).toBeVisible();
  await page.getByLabel('Search').fill('products');
  await page.getByRole('button', { name: 'Search' }).click();
  await expect(page).toHaveURL(/q=products/);
  await expect(page.locator('tbody tr').first()).toContainText('products');
  await page.getByRole('link', { name: 'Try it' }).first().click();
  await expect(page).toHaveURL(/what-if/);
  await expect(page.getByRole('heading', { name: 'Answer' })).toBeVisible();
});

test('a recommendation leads to the page of its rule', async ({ page }) => {
  await signIn(page);
  await page.goto(`${origin()}/recommendations?type=index_drop`);
  await page.getByRole('link', { name: /which is invalid/ }).click();
  await page.getByRole('link', { name: 'Invalid index' }).click();
  await expect(page).toHaveURL(/\/rules\/invalid-index/);
  await expect(page.getByRole('heading', { name: 'When not to do it' })).toBeVisible();
});
