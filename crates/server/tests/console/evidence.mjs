// What an auditor takes along: an export, ordered in the dialog, that is made, fetched and deleted; the page of an actor;
// and the check of the log.

import { events, OTHERS } from './log.mjs';

export default async function ({ member, record, checkAccessibility, expect, url }) {
  await record(events());
  const page = await member(`/logs?q=${OTHERS}`);
  const exports = page.locator('#exports');
  await expect(exports).toContainText('Audit exports (0)');

  // The dialog says what is exported, and for how long the links live.
  await page.getByRole('link', { name: 'Export', exact: true }).click();
  const dialog = page.locator('dialog[open]');
  await expect(dialog).toContainText('live for 7 days');
  await expect(dialog).toContainText('Source is not trailbook');
  await expect(dialog.getByLabel(/^NDJSON/)).toBeChecked();
  await expect(dialog.getByLabel(/^CEF/)).toBeChecked();
  await dialog.getByLabel('Name').fill('For the auditors <b>');
  await checkAccessibility(page);
  await dialog.getByRole('button', { name: 'Export', exact: true }).click();
  await expect(exports).toContainText('Audit exports (1)');
  await expect(exports).toHaveAttribute('open');

  // It is done by itself, and its files can be fetched by their links.
  const row = exports.locator('tbody tr');
  await expect(row).toContainText('Done', { timeout: 60_000 });
  await expect(row).toContainText('For the auditors <b>');
  const links = row.locator('.exports-files a');
  await expect(links).toHaveCount(2);
  for (const link of await links.all()) {
    const file = await fetch(new URL(await link.getAttribute('href'), url));
    expect([file.status, Buffer.from(await file.arrayBuffer()).subarray(0, 2).toString()]).toEqual([200, 'PK']);
  }
  await checkAccessibility(page);

  // Without a script as well; and it can be deleted.
  const plain = await member('/logs/exports', { javaScriptEnabled: false });
  await expect(plain.getByRole('main')).toContainText('For the auditors <b>');
  await row.getByText('Actions').click();
  await row.getByRole('button', { name: 'Delete export' }).click();
  await expect(exports).toContainText('Audit exports (0)');

  // An actor's own page counts all there is of them.
  await page.goto(`/logs?q=${OTHERS}`);
  await page.locator('tr.row a.open').first().click();
  await page.getByRole('link', { name: 'This actor', exact: true }).click();
  await expect(page).toHaveURL(/\/logs\/about\?actor\./);
  await expect(page.getByRole('main')).toContainText('Hours of the week');
  await expect(page.getByRole('main')).toContainText('First seen');
  await checkAccessibility(page);

  // The log is checked, and says of each step that it holds.
  await page.goto('/integrity');
  await checkAccessibility(page);
  await page.getByRole('button', { name: 'Verify now' }).click();
  await expect(page.getByRole('main')).toContainText('holds');
  await expect(page.getByRole('main')).not.toContainText('broken');
  await checkAccessibility(page);
}
