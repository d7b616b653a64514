// What scenarios of the page of logs have in common: events, and where things stand on the page.

const MINUTE_MS = 60_000;

/// So many minutes ago, as events say it.
export const ago = (minutes) => new Date(Date.now() - minutes * MINUTE_MS).toISOString();

/// Nothing that the server recorded itself.
export const OTHERS = '-source:trailbook';

/// Five changes by Jane, three failures of a pipeline and two refused sign-ins of Bob, the newest by Jane.
export function events() {
  const jane = { type: 'user', id: 'user:default/jane', name: 'Jane Doe', email: 'jane.doe@acme.example' };
  const changes = [1, 2, 3, 4, 5].map((n) => ({
    source: 'catalog', action: 'entity-mutate', severity: 'medium', outcome: 'succeeded', actor: jane,
    occurred_at: ago(n), targets: [{ type: 'entity', id: `component:default/${n}`, name: n === 1 ? 'billing' : 'shop' }],
    context: { ip: '203.0.113.7', request_id: `request-${n}` }, meta: { env: 'prod' }, message: `change ${n}`,
  }));
  const failures = [11, 12, 13].map((n) => ({
    source: 'catalog', action: 'location-mutate', severity: 'low', outcome: 'failed',
    actor: { type: 'service', id: 'ci-pipeline' }, occurred_at: ago(n),
    targets: [{ type: 'location', id: `url:https://git.acme.example/${n}` }],
    error: { name: 'ConflictError', message: 'already exists' }, meta: { env: 'test' },
  }));
  const refusals = [21, 22].map((n) => ({
    source: 'sso', action: 'user.login', severity: 'high', outcome: 'denied',
    actor: { type: 'user', id: 'user:default/bob' }, occurred_at: ago(n), context: { ip: '198.51.100.4' },
  }));
  return [...changes, ...failures, ...refusals];
}

/// The parts of a page of logs.
export function parts(page) {
  return {
    search: page.getByRole('searchbox', { name: 'Search' }),
    total: page.locator('.total strong'),
    chips: page.locator('.chip-text'),
    rows: page.locator('tr.row'),
    details: page.locator('tr.detail-row'),
    editor: page.locator('.filter-form'),
    /// Opens the menu of filters and chooses one.
    choose: async (label) => {
      await page.locator('summary.chip-add').click();
      await page.locator('.filter-menu').getByRole('link', { name: label, exact: true }).click();
    },
    /// The parameters of the page's URL.
    params: () => new URL(page.url()).searchParams,
  };
}
