// Every page of which `cargo xtask screenshots` takes a picture, at both sizes in light, and where `isDark` says so in
// dark too.
//
// `prepare(page, expect)` leads from the path to what is shown. Those of `STRANGER` are seen before anybody is signed in.

export const STRANGER = [
  { name: 'sign-in', path: '/sign-in', isDark: true },
];

export const MEMBER = [
  { name: 'logs', path: '/logs', isDark: true },
  { name: 'account', path: '/account' },
  {
    name: 'menu',
    path: '/account',
    prepare: (page) => page.locator('header [data-menu] > summary').last().click(),
  },
];
