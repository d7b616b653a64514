// A reader searches, adds filters, edits and drops them; search box, chips and URL say the same all the time.

import { events, OTHERS, parts } from './log.mjs';

export default async function ({ member, record, checkAccessibility, expect }) {
  await record(events());
  const page = await member(`/logs?q=${OTHERS}`);
  const { search, total, chips, rows, editor, choose, params } = parts(page);
  const holds = async (number, words) => {
    await expect(total).toHaveText(number);
    await expect(rows).toHaveCount(Number(number));
    await expect(chips).toHaveText(words.map((one) => one.replace(/ +/g, ' ')));
  };
  await holds('10', ['Source is not trailbook']);

  // What is typed becomes chips.
  await search.fill('outcome:failed,denied actor:ci-pipeline');
  await page.keyboard.press('Enter');
  await holds('3', ['Outcome is any failed, denied', 'Actor is ci-pipeline']);

  // Dropping a chip changes what is in the box, and Back brings both back.
  await page.getByRole('link', { name: 'Drop the filter Actor is ci-pipeline' }).click();
  await holds('5', ['Outcome is any failed, denied']);
  await expect(search).toHaveValue('outcome:failed,denied');
  expect(params().get('q')).toBe('outcome:failed,denied');
  await page.goBack();
  await holds('3', ['Outcome is any failed, denied', 'Actor is ci-pipeline']);
  await page.goForward();
  await holds('5', ['Outcome is any failed, denied']);
  await expect(search).toHaveValue('outcome:failed,denied');

  // A click on the chip edits it; values come with their counts without it.
  await chips.first().click();
  await expect(editor.getByRole('checkbox', { name: 'failed' })).toBeChecked();
  const count = (value) => editor.locator('label', { hasText: value }).locator('.soft');
  await expect(count('denied')).toHaveText('2');
  await checkAccessibility(page);
  await editor.getByRole('checkbox', { name: 'denied' }).uncheck();
  await editor.getByLabel('Operator').selectOption({ label: 'is not any of' });
  await editor.getByRole('button', { name: 'Apply' }).click();
  await expect(chips).toHaveText(['Outcome is not failed']);
  await expect(search).toHaveValue('-outcome:failed');
  await expect(page.locator('tr.row .outcome-failed')).toHaveCount(0);
  await expect(page.locator('tr.row .outcome-denied')).toHaveCount(2);

  // The menu adds one beside it.
  await choose('Source');
  await expect(count('catalog')).toHaveText('5');
  await editor.getByRole('checkbox', { name: 'catalog' }).check();
  await editor.getByRole('checkbox', { name: 'sso' }).check();
  await editor.getByRole('button', { name: 'Apply' }).click();
  await holds('7', ['Outcome is not failed', 'Source is any catalog, sso']);

  // Names of targets are asked for with their type only.
  await page.locator('summary.chip-add').click();
  const menu = page.locator('.filter-menu');
  await expect(menu.getByRole('link', { name: 'Target type', exact: true })).toBeVisible();
  await expect(menu.getByRole('link', { name: 'Target name', exact: true })).toHaveCount(0);
  await checkAccessibility(page);
  await menu.getByRole('link', { name: 'Target type', exact: true }).click();
  await editor.getByRole('checkbox', { name: 'entity' }).check();
  await editor.getByRole('button', { name: 'Apply' }).click();
  await expect(total).toHaveText('5');
  await choose('Target name');
  await expect(editor.getByLabel('Operator').locator('option')).toHaveText(['is any of', 'starts with', 'is there']);
  await expect(count('shop')).toHaveText('4');
  await editor.getByRole('checkbox', { name: 'shop' }).check();
  await editor.getByRole('button', { name: 'Apply' }).click();
  await expect(total).toHaveText('4');
  await expect(chips).toHaveText([
    'Outcome is not failed', 'Source is any catalog, sso', 'Target type is entity', 'Target name is shop',
  ]);

  // A path of meta, with values that occur.
  await page.goto(`/logs?q=${OTHERS}`);
  await page.locator('summary.chip-add').click();
  await page.getByLabel('Anything else: a path of meta').fill('env');
  await page.getByRole('button', { name: 'Choose' }).click();
  await expect(count('prod')).toHaveText('5');
  await editor.getByRole('checkbox', { name: 'test' }).check();
  await editor.getByRole('button', { name: 'Apply' }).click();
  await holds('3', ['Source is not trailbook', 'meta.env is test']);
  expect(params().get('q')).toBe(`${OTHERS} meta.env:test`);

  // A click on a value filters by it.
  await page.goto(`/logs?q=${OTHERS}`);
  await rows.first().getByRole('link', { name: 'Jane Doe' }).click();
  await holds('5', ['Source is not trailbook', 'Actor is user:default/jane']);
  await expect(page.locator('tr.detail-row')).toHaveCount(0);

  // A mistake says where it is, and what was typed stays to be mended.
  await search.fill('outcome:failed nofield:x');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('alert')).toContainText('16');
  await expect(page.getByRole('alert')).toContainText('nofield');
  await expect(search).toHaveValue('outcome:failed nofield:x');
  await expect(search).toHaveAttribute('aria-invalid', 'true');
  await checkAccessibility(page);
  await search.fill('outcome:failed already');
  await page.keyboard.press('Enter');
  await holds('3', ['Outcome is failed', 'Text has already']);
  await expect(page.getByRole('alert')).toHaveCount(0);
}
