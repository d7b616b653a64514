// The page when there is little to show: nothing recorded, nothing found, nothing allowed, a part, or a broken URL.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { events, parts } from './log.mjs';

export default async function ({ member, visitor, signIn, record, checkAccessibility, checkWidth, expect, values }) {
  const page = await member('/logs');
  const { total, rows, chips, search, params } = parts(page);
  const empty = page.locator('#logs .empty');

  // The first start: the command that is shown works as it stands.
  await page.goto('/logs');
  await expect(page.getByRole('heading', { name: 'Nothing has been recorded yet' })).toBeVisible();
  await checkAccessibility(page);
  await page.getByRole('button', { name: 'Make a token and show the command' }).click();
  const command = await page.locator('#first-command').textContent();
  expect(command).toMatch(/^curl /);
  await checkAccessibility(page);
  const { stdout } = await promisify(execFile)('sh', ['-c', `${command} -s`]);
  expect(JSON.parse(stdout).events).toHaveLength(1);
  await page.getByRole('link', { name: 'Look for it' }).click();
  await expect(page.getByRole('link', { name: 'greeting.sent', exact: true })).toBeVisible();
  await expect(page.locator('.first-start')).toHaveCount(0);

  // A filter that leaves nothing is named, with what would be found without it.
  await record(events());
  await page.goto('/logs?q=source:sso outcome:failed&range=24h');
  await expect(total).toHaveText('0');
  await expect(empty.getByRole('heading')).toHaveText('No event matches.');
  await expect(empty.getByRole('link')).toHaveText([
    'Drop the filter “Source is sso”: 3 events', 'Drop the filter “Outcome is failed”: 2 events',
  ]);
  await checkAccessibility(page);
  await empty.getByRole('link', { name: 'Outcome is failed' }).click();
  await expect(total).toHaveText('2');
  await expect(chips).toHaveText(['Source is sso']);
  expect(params().get('range')).toBe('24h');
  await page.goto('/logs?q=nothinghasthisword&type=entity');
  await expect(empty.getByRole('link')).toHaveText(['Drop a word: 5 events']);
  await page.goto('/logs?q=action:location-mutate&type=entity');
  await empty.getByRole('link', { name: 'Look at all kinds: 3 events' }).click();
  await expect(rows).toHaveCount(3);
  await page.goto('/logs?q=nothinghasthisword source:nothing');
  await expect(empty).toContainText('Nothing in the searchable time matches these filters.');

  // What a URL has wrong is said; the rest is shown.
  for (const [parameters, words] of [
    ['range=2d', 'The range is one of 1h, 24h, 7d and 30d.'],
    ['from=x&to=y', 'Times are written as 2026-11-21T08:00:00Z.'],
    ['from=2026-11-20T08:00:00Z', 'An exact range has both a beginning and an end.'],
    ['from=2026-11-20T08:00:00Z&to=2026-11-20T07:00:00Z', 'The range ends before it begins.'],
  ]) {
    await page.goto(`/logs?q=outcome:denied&${parameters}`);
    await expect(page.getByRole('alert')).toHaveText(words);
    await expect(total).toHaveText('2');
  }
  await page.goto('/logs?q=outcome:denied&cursor=broken');
  await expect(page.getByRole('alert')).toBeVisible();
  await expect(search).toHaveValue('outcome:denied');
  await checkAccessibility(page);
  for (const parameters of ['open=nothing', 'open=00000000-0000-0000-0000-000000000000', 'type=', 'nonsense=%00', 'add=%22']) {
    await page.goto(`/logs?q=outcome:denied&${parameters}`);
    await expect(total).toHaveText('2');
    await expect(page.getByRole('alert')).toHaveCount(0);
  }
  await page.goto(`/logs?type=${encodeURIComponent('x'.repeat(1_000))}`);
  await expect(total).toHaveText('0');
  await checkWidth(page);
  await page.goto('/logs/events/nothing');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('There is nothing here');
  await checkAccessibility(page);

  // Who sees a part is told so, and it is counted as they see it.
  const narrowed = await visitor();
  await signIn(narrowed, values.narrowed, '/logs');
  await expect(narrowed.getByRole('note')).toContainText('You see part of the log');
  await expect(narrowed.locator('.total strong')).toHaveText('8');
  await checkAccessibility(narrowed);
  await narrowed.goto('/logs?q=source:sso');
  await expect(narrowed.locator('.total strong')).toHaveText('0');
  await expect(narrowed.getByRole('link', { name: 'Drop the filter “Source is sso”: 8 events' })).toBeVisible();

  // Who may read nothing is told so, and who could change it.
  const blind = await visitor();
  await signIn(blind, values.blind, '/account');
  await expect(blind.getByRole('navigation', { name: 'Sections' }).getByRole('link', { name: 'Logs' })).toHaveCount(0);
  await blind.goto('/logs');
  await expect(blind.getByRole('heading', { level: 1 })).toHaveText('You may not see this');
  await expect(blind.getByRole('alert')).toContainText('An administrator can give you one that does.');
  await checkAccessibility(blind);
}
