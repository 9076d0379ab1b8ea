const { cpSync, existsSync, mkdirSync, statSync } = require('node:fs');
const { basename, join } = require('node:path');

const path = process.env['INPUT_PATH'];
const place = join(process.env['SLIPWAY_E2E_STORE'], process.env['INPUT_NAME']);
if (!existsSync(path)) {
  console.log(`nothing at ${path}`);
  process.exit(process.env['INPUT_IF-NO-FILES-FOUND'] === 'error' ? 1 : 0);
}
if (existsSync(place) && process.env['INPUT_OVERWRITE'] !== 'true') {
  console.log(`there is an artifact ${place} already`);
  process.exit(1);
}
mkdirSync(place, { recursive: true });
cpSync(path, statSync(path).isDirectory() ? place : join(place, basename(path)), { recursive: true });
