// A member keeps views, shares one, opens them and removes one; another member sees what is shared.

import { events, OTHERS, parts } from './log.mjs';

export default async function ({ member, visitor, signIn, record, checkAccessibility, expect, tolerate, values }) {
  await record(events());
  const page = await member(`/logs?q=${OTHERS}&range=7d`);
  const { search, total, chips, params } = parts(page);
  const menu = page.locator('#views-menu');
  const open = () => menu.locator('summary').click();

  await open();
  await expect(menu).toContainText('No view is saved yet');
  await checkAccessibility(page);
  await page.keyboard.press('Escape');

  await search.fill('outcome:failed');
  await page.keyboard.press('Enter');
  await expect(total).toHaveText('3');
  await open();
  await menu.getByLabel('Save this view as').fill('Failures');
  await menu.getByRole('button', { name: 'Save' }).click();
  await expect(total).toHaveText('3');
  expect(params().get('range')).toBe('7d');

  await search.fill('outcome:denied');
  await page.keyboard.press('Enter');
  await expect(total).toHaveText('2');
  await open();
  await menu.getByLabel('Save this view as').fill('Refusals <b>bold</b>');
  await menu.getByLabel('Share it with the organization').check();
  await menu.getByRole('button', { name: 'Save' }).click();
  await expect(menu.getByLabel('Save this view as')).toHaveCount(0);

  // They open as they were kept.
  await page.goto('/logs');
  await open();
  await expect(menu.locator('.views li')).toHaveText([/Failures\s*own/, /Refusals <b>bold<\/b>\s*shared/]);
  await menu.getByRole('link', { name: 'Failures' }).click();
  await expect(chips).toHaveText(['Outcome is failed']);
  await expect(total).toHaveText('3');
  expect(params().get('range')).toBe('7d');

  // A name of nothing but spaces is none: the form says so.
  tolerate(400);
  await open();
  await menu.getByLabel('Save this view as').fill('   ');
  await menu.getByRole('button', { name: 'Save' }).click();
  await expect(page.locator('#view-error')).toBeVisible();
  await expect(page.getByLabel('Save this view as')).toHaveAttribute('aria-invalid', 'true');
  await checkAccessibility(page);

  // Another member sees the shared one, may open it, and may not remove it.
  if (values.narrowed) {
    const other = await visitor();
    await signIn(other, values.narrowed, '/logs');
    await other.locator('#views-menu > summary').click();
    await expect(other.locator('#views-menu .views li')).toHaveText([/Refusals <b>bold<\/b>\s*shared by/]);
    await expect(other.getByRole('button', { name: /Remove the view/ })).toHaveCount(0);
    await expect(other.getByLabel('Share it with the organization')).toHaveCount(0);
    await other.getByRole('link', { name: 'Refusals' }).click();
    await expect(other.locator('.chip-text')).toHaveText(['Outcome is denied']);
  }

  await page.goto('/logs');
  await open();
  await menu.getByRole('button', { name: 'Remove the view Failures' }).click();
  await expect(page.locator('.views li')).toHaveText([/Refusals/]);
  await page.goto('/logs');
  await open();
  await expect(menu.locator('.views li')).toHaveCount(1);
}
