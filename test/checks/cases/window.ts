import type { Case } from '../support.js';

const id = 'preflight.window.open';

export const windowCases: Case[] = [
  { id, when: 'it is open', says: 'pass', window: { open: true, observed: 'open until Mon 2026-11-23 06:00 UTC' }, words: /open until/ },
  { id, when: 'it is closed', says: 'fail', window: { open: false, observed: 'closed: Friday is not one of its days (mon-thu)' }, words: /override-window/ },
];
