// A certified OpenID provider on loopback, for tests: `node provider.mjs '<JSON>'`.
//
// The JSON has `clients` as oidc-provider takes them, `accounts` (claims by login), and `in_id_token`, whether claims of
// scopes are in the ID token. It prints one line with its issuer, then one for each line that it reads: `rotate` gives it
// new keys in place of the old ones. It ends with its input.

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

// Standard output is for answers alone.
console.log = console.info = console.warn = console.error;
const say = (line) => process.stdout.write(`${line}\n`);

// Modules are not beside this file, and NODE_PATH does not hold for them.
const modules = process.env.TRAILBOOK_TEST_NODE_MODULES;
const { Provider } = await import(pathToFileURL(`${modules}/oidc-provider/lib/index.js`));

const ALGORITHMS = [
  'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'EdDSA', 'Ed25519', 'ES512', 'HS256',
];

function key(type, options) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig' };
}

function keys() {
  return [
    key('rsa', { modulusLength: 2048 }),
    key('ec', { namedCurve: 'P-256' }),
    key('ec', { namedCurve: 'P-384' }),
    key('ec', { namedCurve: 'P-521' }),
    key('ed25519'),
  ];
}

const given = JSON.parse(process.argv[2]);

function provider(issuer) {
  return new Provider(issuer, {
    clients: given.clients,
    jwks: { keys: keys() },
    cookies: { keys: ['of-tests'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'], groups: ['groups'] },
    scopes: ['openid', 'email', 'profile', 'groups'],
    conformIdTokenClaims: !given.in_id_token,
    enabledJWA: { idTokenSigningAlgValues: ALGORITHMS },
    pkce: { required: () => true },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...given.accounts[id] }) }),
  }).callback();
}

let answer;
const server = createServer((request, response) => answer(request, response));
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  answer = provider(issuer);
  say(issuer);
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    if (line === 'rotate') answer = provider(issuer);
    say(line);
  });
  lines.on('close', () => process.exit(0));
});
