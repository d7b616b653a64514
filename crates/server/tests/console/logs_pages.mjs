// Many events: older rows come with scrolling, or with a link; columns are chosen; pages are small and hold still.

import { gzipSync } from 'node:zlib';
import { ago, OTHERS, parts } from './log.mjs';

const EVENTS = 250;
const PAGE_ROWS = 100;
const HTML_BYTES_MAX = 60 * 1024;
const FILES_BYTES_MAX = 100 * 1024;

const many = () => Array.from({ length: EVENTS }, (_, n) => ({
  source: 'catalog', action: 'entity-mutate', severity: ['low', 'medium', 'high', 'critical'][n % 4],
  outcome: n % 7 === 0 ? 'failed' : 'succeeded', occurred_at: ago(1 + n),
  actor: { type: 'user', id: `user:default/somebody-${n % 40}`, name: `Somebody ${n % 40}` },
  targets: [{ type: 'entity', id: `component:default/${n}`, name: `component ${n}` }],
  context: { ip: `203.0.113.${n % 250}` },
}));

export default async function ({ member, record, expect, checkWidth }) {
  await record(many());
  const page = await member('/account');
  const { total, rows } = parts(page);

  // Shifts are counted from the first paint on; what moves by itself is one.
  await page.addInitScript(() => {
    window.shifts = [];
    new PerformanceObserver((list) => {
      for (const { value, sources } of list.getEntries()) {
        window.shifts.push(`${value} ${sources.map(({ node }) => node?.className ?? '').join(' ')}`);
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
  const answers = [];
  page.on('response', (response) => answers.push(response));
  await page.goto(`/logs?q=${OTHERS}`, { waitUntil: 'networkidle' });
  await expect(total).toHaveText(String(EVENTS));
  await expect(rows).toHaveCount(PAGE_ROWS);
  expect(await page.evaluate(() => window.shifts)).toEqual([]);

  // What went over the wire.
  const size = async (response) => {
    const encoding = await response.headerValue('content-encoding');
    return encoding === 'gzip' ? (await response.request().sizes()).responseBodySize : gzipSync(await response.body()).length;
  };
  const kind = (name) => answers.filter((response) => response.request().resourceType() === name);
  const html = await size(kind('document')[0]);
  expect(html).toBeGreaterThan(4_000);
  expect(html).toBeLessThan(HTML_BYTES_MAX);
  const files = [...kind('stylesheet'), ...kind('script')];
  expect(files.length).toBeGreaterThanOrEqual(4);
  let all = 0;
  for (const file of files) all += await size(file);
  expect(all).toBeLessThan(FILES_BYTES_MAX);
  expect(kind('font').length + kind('image').length).toBe(0);

  // Older rows come when the reader nears the end, each once, until there is none.
  const last = () => page.locator('tr.row, tr.older').last().scrollIntoViewIfNeeded();
  await last();
  await expect(rows).toHaveCount(2 * PAGE_ROWS);
  await last();
  await expect(rows).toHaveCount(EVENTS);
  await expect(page.locator('tr.older')).toHaveCount(0);
  const ids = await rows.evaluateAll((list) => list.map((row) => row.dataset.id));
  expect(new Set(ids).size).toBe(EVENTS);
  const times = await rows.locator('time').evaluateAll((list) => list.map((time) => time.dateTime));
  expect(times).toEqual([...times].sort().reverse());
  // They are as whole as the first: they open, and the header stays above them.
  await rows.last().locator('a.open').press('Enter');
  await expect(page.locator('tr.detail-row')).toContainText('component 249');
  const head = await page.locator('#log-table thead th').first().boundingBox();
  expect(head.y).toBeGreaterThanOrEqual(0);
  expect(head.y).toBeLessThan(120);
  await checkWidth(page);

  // Columns that are hidden stay so.
  await page.evaluate(() => scrollTo(0, 0));
  await page.goto(`/logs?q=${OTHERS}`);
  await expect(page.locator('#log-table thead th')).toHaveCount(8);
  const columns = page.locator('details.menu', { hasText: 'Columns' });
  await columns.locator('summary').click();
  await columns.getByLabel('Source').uncheck();
  await columns.getByLabel('Address').uncheck();
  await columns.getByRole('button').click();
  await expect(page.locator('#log-table thead th')).toHaveText(['Open', 'Time', 'Actor', 'Action', 'Target', 'Outcome']);
  await expect(total).toHaveText(String(EVENTS));
  await last();
  await expect(rows).toHaveCount(2 * PAGE_ROWS);
  await expect(rows.last().locator('td')).toHaveCount(6);
  await page.goto('/logs');
  await expect(page.locator('#log-table thead th')).toHaveCount(6);

  // Without a script there is a link to what is older.
  const plain = await member(`/logs?q=${OTHERS}`, { javaScriptEnabled: false });
  const seen = [];
  const note = async () => seen.push(...(await plain.locator('tr.row').evaluateAll((list) => list.map((row) => row.dataset.id))));
  await note();
  await plain.getByRole('link', { name: 'Older', exact: true }).click();
  await expect(plain.getByText('Older events.')).toBeVisible();
  await expect(plain.locator('tr.row')).toHaveCount(PAGE_ROWS);
  await note();
  await plain.getByRole('link', { name: 'Older', exact: true }).click();
  await expect(plain.locator('tr.row')).toHaveCount(EVENTS - 2 * PAGE_ROWS);
  await note();
  expect(seen).toEqual(ids);
  await plain.getByRole('link', { name: 'Back to the newest' }).click();
  await expect(plain.locator('tr.row').first()).toHaveAttribute('data-id', ids[0]);
}
