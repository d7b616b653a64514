// A reader works by keyboard alone.

import { events, OTHERS, parts } from './log.mjs';

export default async function ({ member, record, checkAccessibility, expect }) {
  await record(events());
  const page = await member(`/logs?q=${OTHERS}`);
  const { search, total, chips, rows, details, params } = parts(page);
  const { keyboard } = page;
  const current = page.locator('tr.row.is-current');
  const isAt = async (number) => {
    await expect(current).toHaveCount(1);
    await expect(rows.nth(number)).toHaveClass(/is-current/);
    await expect(rows.nth(number).locator('a.open')).toBeFocused();
  };

  // j and k go down and up, and stay at the ends.
  await keyboard.press('j');
  await isAt(0);
  await keyboard.press('k');
  await isAt(0);
  for (let n = 0; n < 11; n += 1) await keyboard.press('j');
  await isAt(9);
  await keyboard.press('k');
  await isAt(8);

  // Enter opens what is there, and closes it; what is below keeps its place.
  await keyboard.press('Enter');
  await expect(details).toHaveCount(1);
  expect(params().get('open')).toBe(await rows.nth(8).getAttribute('data-id'));
  await keyboard.press('Enter');
  await expect(details).toHaveCount(0);

  // h and l go through the cells; f filters by one, x leaves its value out.
  const cell = page.locator('td.is-cell');
  await keyboard.press('k');
  await isAt(7);
  await expect(cell).toHaveText(/ci-pipeline/);
  await keyboard.press('l');
  await expect(cell).toHaveText(/location-mutate/);
  await keyboard.press('l');
  await keyboard.press('l');
  await expect(cell).toHaveText('failed');
  await keyboard.press('h');
  await keyboard.press('l');
  await keyboard.press('x');
  await expect(chips).toHaveText(['Source is not trailbook', 'Outcome is not failed']);
  await expect(total).toHaveText('7');
  await keyboard.press('j');
  await isAt(0);
  await keyboard.press('h');
  await keyboard.press('h');
  await keyboard.press('h');
  await expect(cell).toHaveText(/Jane Doe/);
  await keyboard.press('f');
  await expect(chips).toHaveText(['Source is not trailbook', 'Outcome is not failed', 'Actor is user:default/jane']);
  await expect(total).toHaveText('5');
  await page.goBack();
  await expect(total).toHaveText('7');

  // / is for searching, and letters there are letters.
  await keyboard.press('/');
  await expect(search).toBeFocused();
  await keyboard.type('jk/?');
  await expect(search).toHaveValue('jk/?');
  await expect(page.getByRole('dialog')).toBeHidden();
  await keyboard.press('Escape');
  await expect(search).not.toBeFocused();

  // ? tells all of this, and Escape closes it.
  await keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Keys' })).toBeVisible();
  await checkAccessibility(page);
  await keyboard.press('j');
  await expect(current).toHaveCount(0);
  await keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toBeHidden();

  // A menu opens with its own key, and Escape leads back to its button.
  const add = page.locator('summary.chip-add');
  await add.focus();
  await keyboard.press('Enter');
  await page.locator('.filter-menu').getByRole('link', { name: 'Outcome', exact: true }).focus();
  await keyboard.press('Enter');
  await expect(page.getByLabel('Operator')).toBeFocused();
  await keyboard.press('Escape');
  await expect(page.getByLabel('Operator')).toHaveCount(0);
  await add.focus();
  await keyboard.press('Enter');
  await expect(add.locator('xpath=..')).toHaveAttribute('open');
  await keyboard.press('Escape');
  await expect(add.locator('xpath=..')).not.toHaveAttribute('open');
  await expect(add).toBeFocused();

  // e is for an export of what is shown.
  await page.getByRole('heading', { level: 1 }).click();
  await keyboard.press('e');
  await expect(page.locator('dialog[open]')).toContainText('Outcome is not failed');
  await keyboard.press('Escape');
  await expect(page.locator('dialog[open]')).toHaveCount(0);
}
