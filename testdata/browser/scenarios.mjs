// Plays scenarios in Chromium for tests: `node scenarios.mjs FOLDER`, where pictures of what failed go.
//
// It prints the URL that it listens on, and takes `{script, url, values}` there: it plays the script at the server of
// the URL, and answers 200, or 500 with what went wrong. It ends with its input, and Chromium with it.
//
// A script is a module whose default is a function of a scene: `visitor()` gives a page of somebody new, `values` are
// the test's, `expect` is Playwright's, and the rest is below. When it is done, nobody may have had a complaint
// (`browser.mjs`) and each page must still fit its window.

import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { basename, resolve } from 'node:path';
import { checkAccessibility, checkWidth, expect, launch, signIn, visitor, NARROW, WIDE } from './browser.mjs';

const folder = resolve(process.argv[2]);
const browser = await launch();

async function play({ script, url, values }) {
  const complaints = [];
  const tolerated = new Set();
  const pages = [];
  const scene = {
    url,
    values,
    expect,
    checkAccessibility,
    checkWidth,
    NARROW,
    WIDE,
    /// A page of somebody who was never there before; `options` are Playwright's of a context.
    visitor: async (options) => {
      const page = await visitor(browser, url, complaints, (status) => tolerated.has(status), options);
      pages.push(page);
      return page;
    },
    /// The same, signed in as the member of the values, at a path.
    member: async (path = '/', options = {}) => {
      const page = await scene.visitor(options);
      await signIn(page, values.member, path);
      return page;
    },
    signIn,
    /// Sends events with the token of the values; what the API answers.
    record: async (events) => {
      const answer = await fetch(`${url}/api/v1/events`, {
        method: 'POST',
        headers: { authorization: `Bearer ${values.token}`, 'content-type': 'application/json' },
        body: JSON.stringify(events),
      });
      const said = await answer.json();
      if (answer.status !== 201) throw new Error(`an event was not recorded: ${JSON.stringify(said)}`);
      return said.events;
    },
    /// Says that this status may answer what pages ask by themselves, as a form that is wrong.
    tolerate: (status) => tolerated.add(status),
  };
  try {
    const { default: scenario } = await import(pathToFileURL(script));
    await scenario(scene);
    for (const page of pages) await checkWidth(page);
    if (complaints.length > 0) throw new Error('it went well, but for complaints');
  } catch (error) {
    throw new Error(await report(script, error, complaints, pages));
  } finally {
    await Promise.all(pages.map((page) => page.context().close()));
  }
}

async function report(script, error, complaints, pages) {
  const own = `${error.stack ?? error}`.split('\n').filter((line) => !line.includes('/node_modules/'));
  const lines = [...own, ...complaints.map((complaint) => `complaint: ${complaint}`)];
  for (const [index, page] of pages.entries()) {
    const picture = `${folder}/${basename(script, '.mjs')}-${index}.png`;
    await page.screenshot({ path: picture }).catch(() => undefined);
    lines.push(`page ${index} was at ${page.url()}: ${picture}`);
  }
  return lines.join('\n');
}

const server = createServer(async (request, response) => {
  try {
    await play(JSON.parse(await text(request)));
    response.end();
  } catch (error) {
    response.writeHead(500).end(error.message);
  }
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`http://127.0.0.1:${server.address().port}/\n`));
process.stdin.on('end', async () => {
  await browser.close();
  process.exit();
}).resume();
