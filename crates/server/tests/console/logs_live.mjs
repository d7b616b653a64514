// A reader watches events come in: at the top, or announced where a reader is reading.

import { events, OTHERS, parts } from './log.mjs';

const fresh = (n) => ({ source: 'live', action: `news-${n}`, outcome: 'succeeded', actor: { type: 'service', id: 'ci' } });

export default async function ({ member, record, expect, checkAccessibility }) {
  await record(events());
  const page = await member(`/logs?q=${OTHERS}`);
  const { rows, details } = parts(page);
  const live = page.locator('[data-live]');
  const bar = page.locator('[data-new]');
  // What would vanish if the page were loaded anew.
  await page.evaluate(() => { window.isTheSame = true; });
  await page.mouse.move(0, 0);

  const opened = page.waitForResponse((response) => response.url().includes('/logs/live'));
  await live.click();
  expect((await opened).status()).toBe(200);
  await expect(live).toHaveText('Pause');
  await page.mouse.move(0, 0);
  await record(fresh(1));
  await expect(rows).toHaveCount(11);
  await expect(rows.first()).toContainText('news-1');
  await expect(bar.getByRole('button')).toBeHidden();
  // A filter holds for what comes, too.
  await record([{ ...fresh(0), source: 'live' }, fresh(2)]);
  await expect(rows).toHaveCount(13);
  await expect(rows.first()).toContainText('news-2');
  // What came in is as whole as the rest.
  await rows.first().locator('a.open').press('Enter');
  await expect(details).toContainText('news-2');

  // Nothing moves while an event is open; a bar says what waits.
  const before = await rows.first().boundingBox();
  await record(fresh(3));
  await expect(bar.getByRole('button')).toBeVisible();
  await expect(bar.getByRole('button')).toHaveText('1 new, show');
  await expect(rows).toHaveCount(13);
  const shift = (await rows.first().boundingBox()).y - before.y;
  expect(shift).toBe(0);
  await checkAccessibility(page);
  await bar.getByRole('button').click();
  await expect(rows).toHaveCount(14);
  await expect(rows.first()).toContainText('news-3');
  await expect(bar.getByRole('button')).toBeHidden();
  await expect(details).toHaveCount(1);

  // A pause announces, and going on shows.
  await rows.nth(1).locator('a.open').press('Enter');
  await expect(details).toHaveCount(0);
  await live.click();
  await expect(live).toHaveText('Go on');
  await record([fresh(4), fresh(5)]);
  await expect(bar.getByRole('button')).toHaveText('2 new, show');
  await expect(rows).toHaveCount(14);
  await bar.getByRole('button').click();
  await expect(rows).toHaveCount(16);
  await expect(rows.first()).toContainText('news-5');

  // A search asks anew: what does not match does not come.
  await live.click();
  await expect(live).toHaveText('Pause');
  const again = page.waitForResponse((response) => response.url().includes('/logs/live?q=source%3Alive'));
  await page.getByRole('searchbox', { name: 'Search' }).fill('source:live');
  await page.keyboard.press('Enter');
  expect((await again).status()).toBe(200);
  await expect(rows).toHaveCount(6);
  await page.mouse.move(0, 0);
  await record([{ ...fresh(6), source: 'elsewhere' }, fresh(7)]);
  await expect(rows).toHaveCount(7);
  await expect(rows.first()).toContainText('news-7');
  expect(await page.evaluate(() => window.isTheSame)).toBe(true);
}
