// Everything can be read, searched and kept without a script.

import { ago, events, OTHERS, parts } from './log.mjs';

export default async function ({ member, record, expect }) {
  const made = await record(events());
  const page = await member(`/logs?q=${OTHERS}`, { javaScriptEnabled: false });
  const { search, total, chips, rows, editor, params } = parts(page);
  await expect(total).toHaveText('10');
  // Nobody has told the zone, so times are those of everybody.
  await expect(rows.first().locator('time')).toContainText((await rows.first().locator('time').getAttribute('datetime')).slice(11, 19));

  await search.fill('outcome:failed');
  await page.getByRole('button', { name: 'Search' }).click();
  await expect(total).toHaveText('3');

  // A row opens on the same page, by a link.
  await rows.nth(1).locator('a.open').click();
  await expect(page.locator('tr.detail-row')).toContainText('ConflictError');
  expect(params().get('open')).toBe(made[6].id);
  expect(params().get('q')).toBe('outcome:failed');
  await page.getByText('Raw', { exact: true }).click();
  await expect(page.locator('tr.detail-row pre')).toContainText('"already exists"');

  await page.getByRole('link', { name: 'Verify' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(/^Proof of event/);
  await expect(page.getByRole('status')).toContainText('Sealed at');
  await page.getByRole('link', { name: 'Back to the event' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(/^Event /);
  await page.goto('/logs?q=outcome:failed');

  // A filter is edited on a page of its own.
  await chips.first().click();
  await expect(editor.getByRole('checkbox', { name: 'failed' })).toBeChecked();
  await editor.getByRole('checkbox', { name: 'denied' }).check();
  await editor.getByRole('button', { name: 'Apply' }).click();
  await expect(chips).toHaveText(['Outcome is any failed, denied']);
  await expect(total).toHaveText('5');
  await page.locator('summary.chip-add').click();
  await page.getByRole('link', { name: 'Severity', exact: true }).click();
  await editor.getByRole('link', { name: 'Cancel' }).click();
  await expect(total).toHaveText('5');
  await page.locator('summary.chip-add').click();
  await page.getByLabel('Anything else: a path of meta').fill('env');
  await page.getByRole('button', { name: 'Choose' }).click();
  await editor.getByRole('checkbox', { name: 'test' }).check();
  await editor.getByRole('button', { name: 'Apply' }).click();
  await expect(total).toHaveText('3');
  await page.getByRole('link', { name: 'Drop the filter meta.env is test' }).click();
  await expect(total).toHaveText('5');

  // Times, as typed in UTC.
  const times = page.locator('details.menu', { hasText: 'Time range' });
  await times.locator('summary').click();
  await times.getByRole('link', { name: 'Last hour' }).click();
  expect(params().get('range')).toBe('1h');
  await times.locator('summary').click();
  await page.getByLabel('From', { exact: true }).fill(ago(20).slice(0, 16));
  await page.getByLabel('To', { exact: true }).fill(ago(0).slice(0, 16));
  await page.getByRole('button', { name: 'Show this range' }).click();
  await expect(chips).toHaveText(['Outcome is any failed, denied']);
  await expect(total).toHaveText('3');
  expect(params().get('from')).toBe(`${ago(20).slice(0, 16)}:00.000Z`);

  // Views
  await page.locator('#views-menu > summary').click();
  await page.getByRole('link', { name: 'Saved views' }).click();
  await page.getByLabel('Save this view as').fill('Mine');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(total).toHaveText('3');
  await page.goto('/logs/views');
  await page.getByRole('link', { name: 'Mine' }).click();
  await expect(total).toHaveText('3');
  await page.goto('/logs/views');
  await page.getByRole('button', { name: 'Remove the view Mine' }).click();
  await expect(page.getByText('No view is saved yet.')).toBeVisible();
}
