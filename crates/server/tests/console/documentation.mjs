// The documentation of the API is read.

export default async function ({ visitor, checkAccessibility, expect }) {
  const page = await visitor();
  await page.goto('/api/docs');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Trailbook API');
  await checkAccessibility(page);
}
