// An empty log is filled with the demo's data by a button.

import { parts } from './log.mjs';

export default async function ({ member, expect, checkAccessibility }) {
  const page = await member('/logs');
  const { total, rows } = parts(page);
  await page.getByRole('button', { name: 'Load the demo data' }).click();
  await expect(rows).toHaveCount(100);
  expect(Number((await total.textContent()).replaceAll(/\D/g, ''))).toBeGreaterThan(1_000);
  const tabs = page.getByRole('navigation', { name: 'Kinds of targets' });
  for (const kind of ['All', 'Entities', 'Blueprints', 'Actions', 'Runs', 'Secrets']) {
    await expect(tabs.getByRole('link', { name: new RegExp(`^${kind} `) })).toBeVisible();
  }
  await checkAccessibility(page);
  const tab = tabs.getByRole('link', { name: /^Blueprints / });
  const count = await tab.locator('.soft').textContent();
  await tab.click();
  await expect(total).toHaveText(count);
  await expect(rows).toHaveCount(Math.min(100, Number(count.replaceAll(/\D/g, ''))));
  await expect(tabs.getByRole('link', { name: /^Blueprints / })).toHaveAttribute('aria-current', 'page');
  expect(new Set(await page.locator('td.c-target .kind:first-child').allTextContents())).toEqual(new Set(['blueprint']));
}
