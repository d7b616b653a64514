// An event whose every text tries to break out of the page is shown, opened, filtered by and taken out as text.

import { ago, parts } from './log.mjs';

const MARKUP = `"><script>window.__pwned='script'</script><img src=x onerror="window.__pwned='image'"><a href="javascript:window.__pwned='link'">a</a>'"\\\`\${1}{{1}}</textarea></title><!--`;
const KEY = `"><img src=x onerror="window.__pwned='key'">'<`;
const RTL = '\u202Eright-to-left\u2066 \u0661\u0662 שלום';
const LONG = 'x'.repeat(10_000);
const NAMES = ['actor name', 'target name', 'group', 'message', 'error message', 'meta', 'after', 'action', 'url'];
const URL_OF_SCRIPT = "javascript:window.__pwned='url'";

/// One event; `text(name)` gives what each of its texts is.
function event(minutes, text) {
  const party = (name) => ({ type: name === 'target' || name === 'other' ? text(`${name} type`) : 'user', id: text(`${name} id`), name: text(`${name} name`) });
  return {
    source: text('source'), action: text('action'), action_type: text('action type'), query_type: text('query type'),
    severity: 'critical', outcome: 'failed', occurred_at: ago(minutes), message: text('message'),
    actor: { ...party('actor'), email: text('email'), groups: [{ id: text('group id'), name: text('group') }] },
    on_behalf_of: [party('party')],
    targets: [party('target'), party('other')],
    context: {
      ip: text('ip'), user_agent: text('agent'), request_url: text('url'), request_id: text('request'),
      request_method: text('method'), hostname: text('host'), project: text('project'),
    },
    error: { name: text('error'), message: text('error message') },
    changes: {
      before: { [KEY]: text('before'), list: [text('one')] },
      after: { [KEY]: text('after'), list: [text('two')], [text('key').slice(0, 128)]: null },
    },
    meta: { [KEY]: { [text('meta key').slice(0, 128)]: [text('meta')] } },
  };
}

export default async function ({ member, record, checkAccessibility, checkWidth, expect, NARROW, WIDE }) {
  const [{ id }, long, script] = await record([
    event(1, (name) => `${name} ${RTL} ${MARKUP}`),
    event(2, (name) => (NAMES.includes(name) ? `${name} ${LONG}` : name)),
    event(3, () => URL_OF_SCRIPT),
  ]);
  const page = await member('/logs?q=severity:critical');
  const { total, rows, details, chips, editor, choose, search } = parts(page);
  const isSound = async () => {
    expect(await page.evaluate(() => window.__pwned)).toBeUndefined();
    expect(await page.locator('img, a[href^="javascript:"], main script').count()).toBe(0);
    await checkWidth(page);
    await page.setViewportSize(NARROW);
    await checkWidth(page);
    await page.setViewportSize(WIDE);
  };
  await expect(total).toHaveText('3');
  await expect(rows.first()).toContainText('<script>');
  await isSound();
  await checkAccessibility(page);

  // A row stays a line, whatever it has.
  for (const row of await rows.all()) expect((await row.boundingBox()).height).toBeLessThan(40);

  // Opened, all three.
  for (const number of [0, 1, 2]) await rows.nth(number).locator('a.open').press('Enter');
  await expect(details).toHaveCount(3);
  await expect(details.first().locator('.detail-message')).toHaveText(`message ${RTL} ${MARKUP}`);
  await expect(details.first().locator('.diff')).toContainText('onerror');
  for (const raw of await page.getByText('Raw', { exact: true }).all()) await raw.click();
  await isSound();
  await checkAccessibility(page);

  // On pages of their own, and what these lead to.
  for (const one of [id, long.id, script.id]) {
    await page.goto(`/logs/events/${one}`);
    await expect(page.locator('article.detail')).toBeVisible();
    await isSound();
    const links = page.locator('.detail-links a');
    const leads = await links.evaluateAll((list) => list.map((link) => link.getAttribute('href')));
    for (const lead of leads) {
      expect(lead).toMatch(/^\/logs[/?]/);
      await page.goto(lead);
      await isSound();
    }
  }

  // As values of filters, ticked, and as chips.
  await page.goto('/logs?q=severity:critical');
  await choose('Action');
  await expect(editor).toContainText('<script');
  await isSound();
  await editor.locator('label', { hasText: '<script' }).getByRole('checkbox').check();
  await editor.getByRole('button', { name: 'Apply' }).click();
  await expect(total).toHaveText('1');
  await expect(chips.last()).toContainText('onerror');
  await isSound();
  const text = await search.inputValue();
  expect(text).toContain('onerror');

  // What the box says finds the same again, and so does a view of that name.
  await page.goto('/logs');
  await search.fill(text);
  await page.keyboard.press('Enter');
  await expect(total).toHaveText('1');
  await page.locator('#views-menu > summary').click();
  const name = `${MARKUP.slice(0, 90)} ${RTL}`;
  await page.getByLabel('Save this view as').fill(name);
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(total).toHaveText('1');
  await page.goto('/logs/views');
  await expect(page.locator('.views bdi.clip')).toHaveText(name);
  await isSound();
  await checkAccessibility(page);
  await page.locator('.views a').click();
  await expect(total).toHaveText('1');

  // A search for it that cannot be read, and one that finds nothing.
  await search.fill(MARKUP);
  await page.keyboard.press('Enter');
  await isSound();
  await page.goto(`/logs?q=${encodeURIComponent('action:"<img src=x onerror=alert(1)>"')}&type=${encodeURIComponent(MARKUP)}&open=${encodeURIComponent(MARKUP)}`);
  await expect(page.locator('#logs .empty, #logs .notice-error').first()).toBeVisible();
  await isSound();
}
