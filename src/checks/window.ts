import { verdict, type WindowCheck } from './model.js';

export const window: readonly WindowCheck[] = [
  {
    id: 'preflight.window.open',
    title: 'The window of the environment is open now',
    family: 'window', scope: 'window', requirement: ['SC-01', 'SC-02', 'SC-03'], severity: 'warn',
    remedy: 'Deploy and go-live refuse until it opens, or somebody who may do so overrides it with a reason (the input override-window).',
    run: ({ open, observed, expected, data }) => verdict(open, observed, expected, { data }),
  },
];
