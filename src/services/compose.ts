import type { ServiceConfig } from '../config/schema.js';
import { quote } from '../ssh/quote.js';
import type { Definition, Manager } from './definition.js';

/**
 * Containers by Docker Compose: a project for each slot, made by host/scripts/compose.sh from the compose file in the
 * release. Source: https://docs.docker.com/reference/cli/docker/compose/
 */
export const compose: Manager = {
  render(service: ServiceConfig): Definition {
    const values = { compose_file: service.file ?? '', compose_source: service.image ?? 'build', compose_archive: service.archive ?? '' };
    return { compose: { content: Object.entries(values).map(([name, value]) => `${name}=${quote(value)}\n`).join(''), mode: 0o644 } };
  },

  describe: () => 'docker compose up (its containers are replaced: a short gap)',
};
