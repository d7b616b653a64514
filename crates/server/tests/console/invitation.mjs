// Somebody accepts an invitation after a mistake, and the link is good for nothing then.

export default async function ({ visitor, checkAccessibility, expect, values }) {
  const page = await visitor();
  await page.goto(values.path);
  await expect(page.getByLabel('E-mail')).toHaveValue('jane@acme.example');
  await checkAccessibility(page);

  await page.getByLabel('Your name').fill('Jane');
  await page.getByLabel('Password', { exact: true }).fill('password1234');
  await page.getByLabel('Password again').fill('password1234');
  await page.getByRole('button', { name: 'Accept the invitation' }).click();
  await expect(page.getByLabel('Password', { exact: true })).toHaveAttribute('aria-invalid', 'true');
  await checkAccessibility(page);

  await page.getByLabel('Password', { exact: true }).fill('nine violet walruses dance');
  await page.getByLabel('Password again').fill('nine violet walruses dance');
  await page.getByRole('button', { name: 'Accept the invitation' }).click();
  await expect(page.locator('header summary')).toHaveText('Jane');
  // The first page is loaded once more, in the time zone of the browser.
  await page.waitForLoadState('networkidle');

  await page.goto(values.path);
  await expect(page.getByRole('heading', { name: 'This is not possible' })).toBeVisible();
  await checkAccessibility(page);
}
