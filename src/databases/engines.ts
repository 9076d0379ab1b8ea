import type { DatabaseConfig } from '../config/schema.js';
import { command } from './command.js';
import type { Engine } from './engine.js';
import { files } from './files.js';
import { mongodb } from './mongodb.js';
import { mysql } from './mysql.js';
import { postgres } from './postgres.js';
import { sqlite } from './sqlite.js';

/** All engines; a new one is one more file here and one more in scripts/. */
export const engines: Readonly<Record<DatabaseConfig['engine'], Engine>> = { sqlite, postgres, mysql, mongodb, files, command };
