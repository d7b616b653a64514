// The documentation of the API is read.

export default async function ({ visitor, checkAccessibility, checkWidth, expect }) {
  const page = await visitor();
  await page.goto('/api/docs');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Trailbook API');
  await checkWidth(page);
  // One template makes all groups, and a few of them are checked in a tenth of the time.
  await page.evaluate(() => {
    const groups = [...document.querySelectorAll('main > h2')];
    const isKept = (heading) => [groups[0], groups.at(-2)].includes(heading);
    let of = null;
    for (const element of [...document.querySelector('main').children]) {
      if (element.tagName === 'H2') of = element;
      if (of !== null && !isKept(of)) element.remove();
    }
  });
  await checkAccessibility(page);
}
