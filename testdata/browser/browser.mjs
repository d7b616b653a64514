// Chromium, driven by Playwright: one process, in which each visitor has cookies and storage of their own.
//
// What goes wrong on a visitor's pages without a scenario looking is kept as a complaint: a request to another host, an
// error in the console (a violation of the content security policy is one), a script's exception, a dialog, an answer
// of 400 or more to anything but a visit, and `window.__pwned` being set, which is what the markup in hostile events
// tries.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

// Modules are not beside this file, and NODE_PATH does not hold for them.
const require = createRequire(`${process.env.TRAILBOOK_TEST_NODE_MODULES}/`);
const { chromium } = require('playwright');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

/// How long anything may take that Playwright waits for.
const PATIENCE_MS = 15_000;
export const expect = require('playwright/test').expect.configure({ timeout: PATIENCE_MS });

/// The sizes that pages are made for.
export const WIDE = { width: 1440, height: 900 };
export const NARROW = { width: 390, height: 844 };

/// Starts the Chromium of the search path.
export async function launch(environment = {}) {
  return chromium.launch({ executablePath: which('chromium'), env: { ...process.env, ...environment } });
}

function which(program) {
  const { accessSync, constants } = require('node:fs');
  const folder = process.env.PATH.split(':').find((one) => {
    try {
      accessSync(`${one}/${program}`, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (folder === undefined) throw new Error(`there is no ${program}: apt-get install ${program}`);
  return `${folder}/${program}`;
}

/// A page of somebody who was never there before, and what is to complain of on it.
///
/// `options` are Playwright's of a context; `complaints` is a list to add to, `tolerated(status)` says which answers
/// to a page's own requests are none.
export async function visitor(browser, url, complaints, tolerated = () => false, options = {}) {
  const context = await browser.newContext({
    baseURL: url,
    viewport: WIDE,
    reducedMotion: 'reduce',
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    serviceWorkers: 'block',
    ...options,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const { host } = new URL(url);
  await context.route((to) => /^https?:$/.test(to.protocol) && to.host !== host, (route) => {
    complaints.push(`a request to another host: ${route.request().url()}`);
    return route.abort();
  });
  await context.addInitScript(() => {
    Object.defineProperty(window, '__pwned', { set: (value) => console.error(`a script of an event ran: ${value}`) });
  });
  context.on('page', (page) => watch(page, complaints, tolerated));
  return context.newPage();
}

function watch(page, complaints, tolerated) {
  page.on('console', (message) => {
    // What failed to load is seen in its answer.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
      complaints.push(`${page.url()}: in the console: ${message.text()}`);
    }
  });
  page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.stack ?? error}`));
  page.on('dialog', (dialog) => {
    complaints.push(`${page.url()}: a dialog: ${dialog.message()}`);
    return dialog.dismiss();
  });
  page.on('response', (response) => {
    const isVisit = response.request().isNavigationRequest();
    if (response.status() >= 400 && !isVisit && !tolerated(response.status())) {
      complaints.push(`${page.url()}: ${response.request().method()} ${response.url()} was answered ${response.status()}`);
    }
  });
}

/// Fails unless nothing on a page is wider than the window.
export async function checkWidth(page) {
  const wider = await page.evaluate(() => {
    const root = document.documentElement;
    if (root.scrollWidth <= window.innerWidth) return [];
    const clips = (element) => element !== null && element !== document.body
      && (getComputedStyle(element).overflowX !== 'visible' || clips(element.parentElement));
    const reaches = (element) => element.getBoundingClientRect().right > window.innerWidth && !clips(element.parentElement);
    const outermost = [...document.querySelectorAll('body *')].filter((one) => reaches(one));
    return [`${root.scrollWidth} of ${window.innerWidth} px`, ...outermost.slice(0, 5).map((one) => one.outerHTML.slice(0, 160))];
  });
  expect(wider, `${page.url()} is wider than its window`).toEqual([]);
}

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const OF_COLOURS = ['color-contrast', 'link-in-text-block'];

/// Fails unless a page as it is now breaks no rule of WCAG 2.2 AA that axe-core knows, nor its best practices, at both
/// sizes, in light and in dark, and fits its window.
export async function checkAccessibility(page) {
  const before = page.viewportSize();
  const found = [];
  for (const size of [WIDE, NARROW]) {
    await page.setViewportSize(size);
    await checkWidth(page);
    // What is half beneath a header that stays is no smaller for that.
    await page.evaluate(() => scrollTo(0, 0));
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      // In the dark only colours are others.
      const rules = colorScheme === 'light' ? { type: 'tag', values: TAGS } : { type: 'rule', values: OF_COLOURS };
      found.push(...(await violations(page, rules)).map((one) => `${size.width} px, ${colorScheme}: ${one}`));
    }
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(before);
  expect(found, `axe-core on ${page.url()}`).toEqual([]);
}

async function violations(page, runOnly) {
  // A script of the protocol, not of the page: its policy stays as it is.
  await page.evaluate(axe);
  return page.evaluate(async (only) => {
    for (const animation of document.getAnimations()) animation.finish();
    const options = { runOnly: only, resultTypes: ['violations'] };
    if (only.type === 'tag') options.rules = { 'target-size': { enabled: true } };
    const { violations } = await window.axe.run(document, options);
    return violations.flatMap(({ id, help, nodes }) => nodes.slice(0, 5).map((node) => {
      const why = node.any.concat(node.all, node.none).map(({ message }) => message).join('; ');
      return `${id} (${help}): ${node.html.slice(0, 240)}: ${why}`;
    }));
  }, runOnly);
}

/// Signs a member in with their password.
export async function signIn(page, { organization = 'default', email, password }, next = '/') {
  await page.goto(`/sign-in?next=${encodeURIComponent(next)}`);
  await page.getByLabel('Organization').fill(organization);
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.waitForURL((url) => url.pathname !== '/sign-in');
}
