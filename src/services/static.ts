import type { Manager } from './definition.js';

/** A folder that the site serves from the live release: the rename of `current` is all there is to do. */
export const files: Manager = {
  render: () => ({}),
  describe: () => 'served by nginx from the live release',
};
