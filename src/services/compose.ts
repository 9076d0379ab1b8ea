import type { Manager } from './definition.js';

/** Containers by Docker Compose: a project for each slot. */
export const compose: Manager = {
  render: () => ({}),
  describe: () => 'docker compose up',
};
