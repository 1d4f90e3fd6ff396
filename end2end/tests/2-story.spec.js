const { test, expect, signIn, hydrated, origin } = require('./fixtures');

test.describe.configure({ mode: 'serial' });

test('a person proves an index, applies it, and rolls it back', async ({ page }) => {
  await signIn(page);
  await expect(page.getByRole('heading', { name: 'Worth doing' })).toBeVisible();

  // Filter: the filters are links, and the URL holds them.
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Recommendations' }).click();
  await hydrated(page);
  await page.getByRole('link', { name: /^Pending/ }).click();
  await expect(page).toHaveURL(/status=pending/);
  await page.getByLabel('Search').fill('order_items order_id');
  await page.getByRole('button', { name: 'Show' }).click();
  await expect(page).toHaveURL(/status=pending.*q=order_items/);
  await expect(page.locator('tbody tr')).not.toHaveCount(0);
  await page.getByRole('link', { name: 'Index public.order_items on (order_id)' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Index public.order_items on (order_id)');

  // Nothing is applied before it is proven.
  await expect(page.getByRole('button', { name: 'Apply in the sandbox' })).toHaveCount(0);

  // Run the benchmark and watch it to the end.
  await hydrated(page);
  await page.getByRole('button', { name: 'Run benchmark' }).click();
  const card = page.locator('article.job').first();
  await expect(card).toHaveAttribute('data-status', /pending|running/);
  await expect(card.locator('progress')).toBeVisible();
  await expect(card).toHaveAttribute('data-status', 'completed', { timeout: 90_000 });
  await expect(page.getByRole('status').getByText(/Benchmark done/)).toBeVisible();

  // The proof: verdict, figures with their origin, chart.
  const proof = page.getByRole('region', { name: 'Proof' });
  await expect(proof.getByText('Faster').first()).toBeVisible();
  await expect(proof.locator('.headline')).toContainText(/faster \(.*98\.33 % interval\)/);
  await expect(proof.getByText('measured · full copy').first()).toBeVisible();
  await expect(proof.locator('figure.chart svg title').first()).toHaveText(/faster/);
  expect(await proof.locator('figure.chart svg circle').count()).toBeGreaterThanOrEqual(20);
  await expect(page.locator('.head .badge')).toHaveText('Benchmarked');

  // Apply.
  await page.getByRole('button', { name: 'Apply in the sandbox' }).click();
  await expect(page.locator('.head .badge')).toHaveText('Applied', { timeout: 60_000 });
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Changes' }).click();
  const row = page.locator('tbody').first().locator('tr').first();
  await expect(row).toContainText('Applied');
  await expect(row).toContainText('CREATE INDEX CONCURRENTLY');
  await expect(page.getByText('apply.intent')).toBeVisible();
  await expect(page.getByText('apply.outcome')).toBeVisible();

  // Roll back.
  await row.getByRole('link').click();
  await hydrated(page);
  await page.getByRole('button', { name: 'Roll back' }).click();
  await expect(page.locator('.head .badge')).toHaveText('Benchmarked', { timeout: 60_000 });
  await page.goto(`${origin()}/changes`);
  await expect(page.locator('tbody').first().locator('tr').first()).toContainText('Rolled back');
});

test('a running benchmark can be cancelled', async ({ page }) => {
  await signIn(page);
  await page.goto(`${origin()}/recommendations?q=sessions`);
  await page.locator('tbody a').first().click();
  await hydrated(page);
  await page.getByRole('button', { name: 'Run benchmark' }).click();
  const card = page.locator('article.job').first();
  await card.getByRole('button', { name: 'Cancel' }).click();
  await expect(card).toHaveAttribute('data-status', 'cancelled');
});

test('every page is free of console errors, wide and narrow, light and dark', async ({ page }) => {
  await signIn(page);
  for (const [width, colorScheme] of [[1280, 'light'], [400, 'dark']]) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    for (const path of ['dashboard', 'recommendations', 'queries', 'queries?range=hour&planned=no', 'jobs', 'changes', 'connections']) {
      await page.goto(`${origin()}/${path}`);
      await hydrated(page);
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(overflow, `${path} at ${width}`).toBeLessThanOrEqual(0);
    }
  }
});

test('lists without any filter load on the way from page to page', async ({ page }) => {
  await signIn(page);
  await hydrated(page);
  const bar = page.getByRole('navigation', { name: 'Main' });
  for (const name of ['Recommendations', 'Queries', 'Jobs', 'Changes', 'Connections', 'Dashboard']) {
    await bar.getByRole('link', { name }).click();
    await hydrated(page);
    await expect(page.getByRole('alert')).toHaveCount(0);
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  }
});

test('what is not there says so', async ({ page }) => {
  await signIn(page);
  page.expectedProblems.push(/404/);
  const response = await page.goto(`${origin()}/nowhere`);
  expect(response.status()).toBe(404);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('There is no such page');
  const gone = await page.goto(`${origin()}/recommendations/01a2043b-79ff-77c5-989d-5f413acc268a`);
  expect(gone.status()).toBe(404);
  await expect(page.getByRole('alert')).toContainText('there is no recommendation');
});
