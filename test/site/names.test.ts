import { expect, test } from '@jest/globals';
import { namesOf } from '../../src/site/names.js';

test("a site's variables have names that PCRE takes as groups, however long those of app and environment are", () => {
  for (let length = 1; length <= 40; length += 1) {
    const { variable } = namesOf('a'.repeat(length), 'production');
    // One more for the dollar.
    expect(variable('id').length).toBeLessThanOrEqual(33);
  }
});

test('two sites with long names of the same beginning have variables of their own', () => {
  const [one, other] = ['customer-portal-backend', 'customer-portal-backoffice'].map((app) => namesOf(app, 'production').variable('slot'));
  expect(one).not.toBe(other);
});
