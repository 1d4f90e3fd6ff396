const { test, expect, signIn, link, origin, token } = require('./fixtures');

test('the printed link signs in once, and only once', async ({ page, browser }) => {
  await page.goto(link());
  await expect(page).toHaveURL(/\/dashboard$/);
  const other = await (await browser.newContext()).newPage();
  await other.goto(link());
  await expect(other.getByRole('alert')).toContainText('used already');
});

test('without signing in there is nothing to see', async ({ page }) => {
  await page.goto(`${origin()}/recommendations`);
  await expect(page).toHaveURL(/\/login$/);
});

test('the session cookie cannot be read by scripts, and the policy allows no foreign ones', async ({ page }) => {
  await signIn(page);
  const cookies = await page.context().cookies();
  expect(cookies.find((cookie) => cookie.name === 'optischema_session')).toMatchObject({ httpOnly: true, sameSite: 'Strict' });
  const response = await page.goto(`${origin()}/dashboard`);
  const policy = response.headers()['content-security-policy'];
  expect(policy).toMatch(/script-src 'self' 'nonce-[^']{10,}'/);
  expect(policy).not.toContain('unsafe-inline');
  page.expectedProblems.push(/Content Security Policy/);
  const ran = await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'window.injected = true';
    document.body.append(script);
    return window.injected === true;
  });
  expect(ran).toBe(false);
});

test('a form of another site changes nothing', async ({ request }) => {
  const response = await request.post(`${origin()}/api/analyze`, {
    headers: { authorization: `Bearer ${token()}`, origin: 'http://evil.example' },
  });
  expect(response.status()).toBe(403);
});

for (const javaScriptEnabled of [true, false]) {
  test(`signing out ends the session, ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, async ({ browser }) => {
    const context = await browser.newContext({ javaScriptEnabled });
    const page = await context.newPage();
    await signIn(page);
    const session = await context.cookies();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await expect(page).toHaveURL(/\/login$/);
    // The cookie of before opens nothing any more.
    await context.addCookies(session);
    await page.goto(`${origin()}/dashboard`);
    await expect(page).toHaveURL(/\/login$/);
    await context.close();
  });
}
