// A reader opens events: what changed, what else they say, their JSON, their proof, and where they lead.

import { ago, events, OTHERS, parts } from './log.mjs';

const CHANGED = {
  source: 'catalog', action: 'entity-mutate', outcome: 'succeeded', severity: 'high', message: 'billing has a new owner',
  actor: { type: 'user', id: 'user:default/jane', name: 'Jane Doe' },
  targets: [{ type: 'entity', id: 'component:default/billing', name: 'billing' }],
  context: { request_id: 'request-1', ip: '203.0.113.7' },
  changes: {
    before: { owner: 'platform', old: 1, tags: ['a', 'b'], members: [{ id: 'ann', role: 'reader' }, { id: 'bob', role: 'writer' }] },
    after: { owner: 'payments', fresh: true, tags: ['a', 'c', 'd'], members: [{ id: 'ann', role: 'writer' }] },
  },
  meta: { region: { name: 'eu-west', zones: [1, 2] }, dry_run: false },
};

export default async function ({ member, record, checkAccessibility, expect }) {
  await record(events());
  const [{ id, sequence }] = await record([{ ...CHANGED, occurred_at: ago(0.5) }]);
  const page = await member(`/logs?q=${OTHERS}`);
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  const { total, rows, details, params, chips } = parts(page);
  const row = rows.first();
  const detail = details.first();

  // A click opens it in place, and closes it.
  await row.locator('time').click();
  await expect(details).toHaveCount(1);
  await expect(row.locator('a.open')).toHaveAttribute('aria-expanded', 'true');
  expect(params().get('open')).toBe(id);
  await row.locator('time').click();
  await expect(details).toHaveCount(0);
  expect(params().get('open')).toBeNull();

  // So does Enter; another row may be open beside it, and a page that is loaded anew shows the last.
  await rows.nth(1).locator('a.open').press('Enter');
  await expect(details).toHaveCount(1);
  await row.locator('a.open').press('Enter');
  await expect(details).toHaveCount(2);
  await page.reload();
  await expect(details).toHaveCount(1);
  await expect(row.locator('a.open')).toHaveAttribute('aria-expanded', 'true');
  await expect(detail).toContainText('billing has a new owner');

  const change = (path) => detail.locator('.diff tr', { has: page.getByRole('rowheader', { name: path, exact: true }) });
  for (const [path, kind, before, after] of [
    ['owner', 'changed', 'platform', 'payments'],
    ['old', 'removed', '1', null],
    ['fresh', 'added', null, 'true'],
    ['tags[1]', 'changed', 'b', 'c'],
    ['tags[2]', 'added', null, 'd'],
    ['members[ann].role', 'changed', 'reader', 'writer'],
    ['members[bob].role', 'removed', 'writer', null],
  ]) {
    await expect(change(path).locator('.diff-kind')).toHaveText(kind);
    await expect(change(path).locator('del')).toHaveText(before === null ? [] : [before]);
    await expect(change(path).locator('ins')).toHaveText(after === null ? [] : [after]);
  }
  await expect(change('tags[0]')).toHaveCount(0);

  // The tree folds.
  const zones = detail.locator('.tree summary', { hasText: 'zones' });
  await expect(detail.locator('.tree')).toContainText('eu-west');
  await zones.click();
  await expect(zones.locator('xpath=..')).not.toHaveAttribute('open');
  await checkAccessibility(page);

  // The whole event is there to be copied.
  await detail.getByText('Raw', { exact: true }).click();
  await detail.getByRole('button', { name: 'Copy' }).click();
  await expect(detail.getByRole('button', { name: 'Copied' })).toBeVisible();
  const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
  expect(copied).toMatchObject({ ...CHANGED, id, sequence, organization: 'default' });

  await detail.getByRole('link', { name: 'Verify' }).click();
  await expect(detail.locator('.detail-proof')).toContainText('Sealed at');
  await expect(detail.locator('.detail-proof')).toContainText('unchanged');
  await expect(details).toHaveCount(1);
  await checkAccessibility(page);

  // What is not open stays so, and the links lead on.
  await detail.getByRole('link', { name: 'Same request' }).click();
  await expect(chips).toHaveText(['Request id is request-1']);
  await expect(total).toHaveText('2');
  await page.goBack();
  await expect(details).toHaveCount(1);
  await detail.getByRole('link', { name: 'Around this moment' }).click();
  await expect(total).not.toHaveText('');
  const [from, to] = ['from', 'to'].map((name) => Date.parse(params().get(name)));
  expect(to - from).toBe(10 * 60_000);
  await expect(page.locator(`tr.row[data-id="${id}"]`)).toHaveCount(1);
  await page.goBack();
  await detail.getByRole('link', { name: 'Filter by Address' }).click();
  await expect(chips).toHaveText(['Source is not trailbook', 'Address is 203.0.113.7']);
  await expect(total).toHaveText('6');
  await page.goBack();
  await detail.getByRole('link', { name: 'Exclude this Source' }).click();
  await expect(chips).toHaveText(['Source is not catalog']);
  await page.goBack();
  await detail.getByRole('link', { name: 'Link to this event' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(`Event ${sequence}`);
  await expect(page.locator('.diff-changed')).toHaveCount(3);
  await checkAccessibility(page);
}
