// A member signs in after a mistake, and out again; the page works without a script.

export default async function ({ visitor, signIn, checkAccessibility, expect, values }) {
  const { organization, email } = values.member;
  const page = await visitor();
  await page.goto('/sign-in');
  await expect(page.getByLabel('E-mail')).toBeFocused();
  await checkAccessibility(page);

  await page.getByLabel('Organization').fill(organization);
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill('a guess');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('alert')).toHaveText('Organization, e-mail address or password are wrong.');
  await expect(page.getByLabel('E-mail')).toHaveValue(email);
  await checkAccessibility(page);

  await signIn(page, values.member, '/account');
  await checkAccessibility(page);
  await page.locator('header summary').click();
  await checkAccessibility(page);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page).toHaveURL(/\/sign-in/);

  const plain = await visitor({ javaScriptEnabled: false });
  await signIn(plain, values.member);
  await plain.locator('header summary').click();
  await expect(plain.getByRole('button', { name: 'Sign out' })).toBeVisible();
}
