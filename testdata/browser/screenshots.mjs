// Takes pictures of a demo's pages: `node screenshots.mjs LINK FOLDER [NAME...]`.
//
// The link makes whoever opens it a member. Pictures are WebP, named after page, width and theme; without names all
// are taken. It fails if a page has something to complain of, as in tests.

import { mkdirSync, writeFileSync } from 'node:fs';
import { expect, launch, visitor, NARROW, WIDE } from './browser.mjs';
import { MEMBER, STRANGER } from './pictures.mjs';

const QUALITY_PERCENT = 88;
const ADMIN = { name: 'Jane Doe', email: 'jane@acme.example', password: 'seven purple walruses hum' };

const [link, folder, ...names] = process.argv.slice(2);
const url = new URL(link).origin;
mkdirSync(folder, { recursive: true });
const complaints = [];
const browser = await launch({ FONTCONFIG_FILE: new URL('fonts.conf', import.meta.url).pathname });

const page = await visitor(browser, url, complaints);
for (const picture of chosen(STRANGER)) await take(page, picture);
await enter(page);
for (const picture of chosen(MEMBER)) await take(page, picture);
await browser.close();
if (complaints.length > 0) throw new Error(complaints.join('\n'));

function chosen(pictures) {
  return pictures.filter(({ name }) => names.length === 0 || names.includes(name));
}

/// Opens the link and does what it asks.
async function enter(page) {
  await page.goto(link);
  for (const [label, text] of [['E-mail', ADMIN.email], ['Your name', ADMIN.name], [/^Password/, ADMIN.password]]) {
    // A link that signs in says whose it is.
    for (const field of await page.getByLabel(label).all()) if (await field.isEditable()) await field.fill(text);
  }
  await page.locator('main button[type=submit]').click();
  await page.waitForURL((to) => to.pathname !== new URL(link).pathname);
}

async function take(page, { name, path, prepare, isDark }) {
  for (const [size, colorScheme] of [[WIDE, 'light'], [NARROW, 'light'], ...(isDark ? [[WIDE, 'dark'], [NARROW, 'dark']] : [])]) {
    await page.setViewportSize(size);
    await page.emulateMedia({ colorScheme });
    await page.goto(path);
    await prepare?.(page, expect);
    // Nothing is under the mouse or half-way.
    await page.mouse.move(0, size.height - 1);
    await page.evaluate(() => document.fonts.ready);
    const session = await page.context().newCDPSession(page);
    const options = { format: 'webp', quality: QUALITY_PERCENT };
    const { data } = await session.send('Page.captureScreenshot', options);
    await session.detach();
    writeFileSync(`${folder}/${name}-${size.width}-${colorScheme}.webp`, Buffer.from(data, 'base64'));
  }
}
