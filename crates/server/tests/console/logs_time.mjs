// A reader changes the time: presets, an exact range in their own zone, one that is too wide, and the histogram.

import { ago, OTHERS, parts } from './log.mjs';

const DAY_MINUTES = 24 * 60;

export default async function ({ member, record, checkAccessibility, expect }) {
  const at = (minutes, n) => ({ source: 's', action: `a${n}`, outcome: n === 1 ? 'failed' : 'succeeded', occurred_at: ago(minutes) });
  const ages = [5, 3 * 60, 3 * DAY_MINUTES, 20 * DAY_MINUTES];
  await record(ages.map((age, n) => at(age, n)));
  const page = await member(`/logs?q=${OTHERS}`);
  const { total, rows, params } = parts(page);
  const times = page.locator('details.menu', { hasText: 'Time range' });

  for (const [label, name, number] of [
    ['Last hour', '1h', '1'], ['Last 24 hours', '24h', '2'], ['Last 7 days', '7d', '3'], ['Last 30 days', '30d', '4'],
  ]) {
    await times.locator('summary').click();
    await times.getByRole('link', { name: label }).click();
    await expect(total).toHaveText(number);
    expect(params().get('range')).toBe(name);
    await expect(times.locator('summary')).toContainText(label);
  }
  expect(params().get('q')).toBe(OTHERS);

  // Times are those of the reader's zone, from the first page on.
  const local = (iso) => new Date(iso).toLocaleTimeString('en-GB', { timeZone: 'Europe/Berlin' });
  const shown = rows.first().locator('time');
  await expect(shown).toContainText(local(await shown.getAttribute('datetime')));

  // An exact range is typed in that zone too: 90 minutes around the event of three hours ago.
  const typed = (iso) => new Date(iso).toLocaleString('sv-SE', { timeZone: 'Europe/Berlin' }).slice(0, 16).replace(' ', 'T');
  const range = async (from, to) => {
    await times.locator('summary').click();
    await page.getByLabel('From', { exact: true }).fill(typed(from));
    await page.getByLabel('To', { exact: true }).fill(typed(to));
    await page.getByRole('button', { name: 'Show this range' }).click();
  };
  await times.locator('summary').click();
  await expect(times).toContainText('In Europe/Berlin, up to 30 days');
  await checkAccessibility(page);
  await page.keyboard.press('Escape');
  await expect(page.getByLabel('From', { exact: true })).toBeHidden();
  const [from, to] = [ago(3 * 60 + 45), ago(3 * 60 - 45)];
  await range(from, to);
  await expect(total).toHaveText('1');
  await expect(rows).toContainText(['a1']);
  expect(Date.parse(params().get('from'))).toBe(Math.floor(Date.parse(from) / 60_000) * 60_000);
  expect(Date.parse(params().get('to'))).toBe(Math.floor(Date.parse(to) / 60_000) * 60_000);
  expect(params().get('range')).toBeNull();

  // More than a page takes is refused, and the words say what takes it.
  await range(ago(31 * DAY_MINUTES), ago(0));
  await expect(page.getByRole('alert')).toContainText('an export, or the API, takes up to 365 days');
  await checkAccessibility(page);

  // Dragging over the histogram narrows: a quarter of the last day, around the event of three hours ago.
  await page.goto(`/logs?q=${OTHERS}&range=24h`);
  const chart = page.locator('[data-histogram]');
  const step = chart.locator('g.bar-step', { has: page.locator('.bar-failed') });
  await expect(step).toHaveCount(1);
  const [box, plot] = [await step.boundingBox(), await chart.locator('svg').first().boundingBox()];
  const middle = box.x + box.width / 2;
  await page.mouse.move(middle, plot.y + 30);
  await expect(chart.locator('[data-hover]')).toContainText('1 event');
  await page.mouse.move(middle - plot.width / 48, plot.y + 30);
  await page.mouse.down();
  await page.mouse.move(middle + plot.width / 48, plot.y + 30, { steps: 4 });
  await page.mouse.up();
  await expect(total).toHaveText('1');
  await expect(rows).toContainText(['a1']);
  const width = Date.parse(params().get('to')) - Date.parse(params().get('from'));
  expect(width).toBeGreaterThan(55 * 60_000);
  expect(width).toBeLessThan(180 * 60_000);
  expect(params().get('q')).toBe(OTHERS);
  await page.goBack();
  await expect(total).toHaveText('2');

  // The numbers behind the chart are a table, and each leads to its time.
  await chart.getByText('Numbers').click();
  const numbers = chart.getByRole('table');
  await expect(numbers.getByRole('columnheader')).toHaveText(['Time', 'succeeded', 'failed']);
  await expect(numbers.getByRole('row')).toHaveCount(3);
  await checkAccessibility(page);
  await numbers.getByRole('row').nth(1).getByRole('link').click();
  await expect(total).toHaveText('1');
  await expect(rows).toContainText(['a1']);
}
