// The settings as an admin fills them in: a role, a group that holds it, an invitation, a token, an exclusion rule that
// is tried first; and one's account. Every page is looked at by axe.

import { events } from './log.mjs';

export default async function ({ member, visitor, record, checkAccessibility, expect, url }) {
  await record(events());
  const page = await member('/settings');
  await expect(page).toHaveURL(/\/settings\/log$/);
  const heading = page.getByRole('heading', { level: 1 });
  const submit = (name) => page.locator('main').getByRole('button', { name, exact: true }).click();

  // A role, whose handle follows its name; permissions are in the areas that WSO2 has.
  await page.goto('/settings/roles/new');
  await page.getByLabel('Role name').fill('Audit log viewer');
  await expect(page.getByLabel('Role handle')).toHaveValue('audit-log-viewer');
  await expect(page.getByText('LOG-MANAGEMENT')).toBeVisible();
  await page.getByLabel(/^View audit logs/).check();
  await checkAccessibility(page);
  await submit('Create');
  await expect(page).toHaveURL(/\/settings\/roles/);
  await expect(page.getByRole('main')).toContainText('Audit log viewer');
  await page.goto('/settings/roles');
  await checkAccessibility(page);

  // A group, and the role added to it.
  await page.goto('/settings/groups');
  await page.getByLabel('Name').fill('Auditors');
  await submit('Create');
  await page.goto('/settings/groups/auditors');
  await expect(heading).toContainText('Auditors');
  await page.getByText('Add roles').click();
  await page.getByLabel(/Audit log viewer/).check();
  await page.locator('form[action$="/add-roles"]').getByRole('button').click();
  await expect(page.locator('form[action$="/take-role"]')).toHaveCount(1);
  await checkAccessibility(page);

  // An invitation into the group, whose link is shown once, and lets somebody in who sees the log and no settings.
  await page.goto('/settings/invitations/new');
  await page.getByLabel('E-mails').fill('zoe@acme.example');
  await page.getByLabel(/^Auditors/).check();
  await checkAccessibility(page);
  await submit('Invite');
  await expect(heading).toHaveText('Invited');
  const link = (await page.locator('main').innerText()).match(/\/invitations\/[\w-]+/)[0];
  const guest = await visitor();
  await guest.goto(`${url}${link}`);
  await guest.getByLabel('Your name').fill('Zoë');
  for (const field of await guest.getByLabel(/password/i).all()) await field.fill('seven turquoise llamas sing');
  await guest.locator('main button[type=submit]').click();
  await expect(guest).toHaveURL(/\/logs$/);
  await expect(guest.getByRole('navigation', { name: 'Sections' }).getByRole('link')).toHaveText(['Logs']);
  await page.goto('/settings/members');
  await expect(page.getByRole('main')).toContainText('Zoë');
  await checkAccessibility(page);

  // A token of a service, whose value is shown once.
  await page.goto('/settings/access/new');
  await page.getByLabel('Name', { exact: true }).fill('ci-pipeline');
  await page.getByLabel(/^Send events/).check();
  await checkAccessibility(page);
  await submit('Make the token');
  await expect(heading).toContainText('ci-pipeline');
  const value = (await page.locator('#made-value').innerText()).trim();
  const sent = await fetch(`${url}/api/v1/events`, {
    method: 'POST', headers: { authorization: `Bearer ${value}` }, body: '{"source":"ci","action":"built"}',
  });
  expect(sent.status).toBe(201);
  await page.goto('/settings/access');
  await expect(page.getByRole('main')).toContainText('ci-pipeline');
  expect(await page.content()).not.toContain(value);
  await checkAccessibility(page);

  // A rule, tried against what was recorded, then made; the next event of its kind is kept out.
  await page.goto('/settings/log/rules/new');
  await page.getByLabel('Name').fill('builds');
  await page.getByLabel('Actions').fill('built');
  await submit('Try it against the last day');
  await expect(page.getByRole('main')).toContainText(/1 (of|event)/);
  await checkAccessibility(page);
  await submit('Make the rule');
  await expect(page).toHaveURL(/\/settings\/log/);
  await expect(page.getByRole('main')).toContainText('builds');
  const kept = await fetch(`${url}/api/v1/events`, {
    method: 'POST', headers: { authorization: `Bearer ${value}` }, body: '{"source":"ci","action":"built"}',
  });
  expect((await kept.json()).events).toEqual([{ excluded: 'builds' }]);
  await page.getByLabel('The last 30 days').check();
  await submit('Save the range');
  await checkAccessibility(page);
  await page.goto('/logs');
  await expect(page.getByText('Last 30 days').first()).toBeVisible();

  // Oneself: a personal token that is shown once.
  await page.goto('/account');
  await page.getByText('New token').click();
  await page.getByLabel('Name of the token').fill('laptop');
  await page.getByLabel(/^View audit logs/).check();
  await checkAccessibility(page);
  await submit('Make the token');
  const own = (await page.locator('#made-value').innerText()).trim();
  const found = await fetch(`${url}/api/v1/events?limit=1`, { headers: { authorization: `Bearer ${own}` } });
  expect(found.status).toBe(200);
}
