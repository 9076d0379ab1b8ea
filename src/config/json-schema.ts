import * as z from 'zod';
import { configSchema } from './schema.js';

/** A name, not an address: each copy of the repository publishes the file where it lives. */
const ID = 'urn:slipway:slipway.yml';

/** The JSON Schema (draft 2020-12) of slipway.yml, as it stands in schema/slipway.schema.json. */
export function jsonSchema(): object {
  const { $schema, ...rest } = z.toJSONSchema(configSchema, { io: 'input' });
  return { $schema, $id: ID, ...rest };
}

/** The text of schema/slipway.schema.json. */
export function jsonSchemaText(): string {
  return `${JSON.stringify(jsonSchema(), null, 2)}\n`;
}
