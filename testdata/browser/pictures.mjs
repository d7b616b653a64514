// Every page of which `cargo xtask screenshots` takes a picture, at both sizes in light, and where `isDark` says so in
// dark too.
//
// `prepare(page, expect)` leads from the path to what is shown. Those of `STRANGER` are seen before anybody is signed in.

export const STRANGER = [
  { name: 'sign-in', path: '/sign-in', isDark: true },
];

// The event that a picture opens: one that changed something.
const CHANGED = '/logs?q=action%3Aentity.update&range=7d';

export const MEMBER = [
  { name: 'logs', path: '/logs', isDark: true },
  { name: 'event', path: CHANGED, isDark: true, prepare: openFirst },
  {
    name: 'filter',
    path: '/logs?q=outcome%3Afailed%2Cdenied&range=7d',
    prepare: async (page, expect) => {
      await page.locator('a.chip-text').first().click();
      await expect(page.locator('form.filter-form')).toBeVisible();
    },
  },
  {
    name: 'filters',
    path: '/logs',
    prepare: (page) => page.locator('.filter-menu > summary').click(),
  },
  { name: 'nothing', path: '/logs?q=outcome%3Afailed%20context.project%3Anone' },
  { name: 'views', path: '/logs/views?range=7d' },
  { name: 'about', path: '/logs/about?actor.email=jane%40acme.example', isDark: true },
  { name: 'exports', path: '/logs/exports' },
  { name: 'export', path: '/logs/export?q=outcome%3Afailed&range=7d' },
  { name: 'integrity', path: '/integrity', isDark: true },
  { name: 'settings-log', path: '/settings/log' },
  { name: 'settings-rule', path: '/settings/log/rules/new' },
  { name: 'settings-access', path: '/settings/access' },
  { name: 'settings-access-new', path: '/settings/access/new' },
  { name: 'settings-members', path: '/settings/members' },
  { name: 'settings-groups', path: '/settings/groups' },
  { name: 'settings-roles', path: '/settings/roles' },
  { name: 'settings-role-new', path: '/settings/roles/new', isDark: true },
  { name: 'settings-invitations', path: '/settings/invitations' },
  { name: 'account', path: '/account' },
  {
    name: 'menu',
    path: '/account',
    prepare: (page) => page.locator('header [data-menu] > summary').last().click(),
  },
];

async function openFirst(page, expect) {
  await page.locator('tr.row a.open').first().click();
  await expect(page.locator('.detail')).toBeVisible();
  await page.getByRole('link', { name: 'Verify' }).click();
  await expect(page.locator('.detail-proof [role=status]')).toBeVisible();
}
