const { cpSync, existsSync, mkdirSync, readdirSync } = require('node:fs');
const { join } = require('node:path');

const { INPUT_NAME: name, INPUT_PATTERN: pattern, INPUT_PATH: path, SLIPWAY_E2E_STORE: store } = process.env;
mkdirSync(path, { recursive: true });
if (name) {
  if (!existsSync(join(store, name))) {
    console.log(`there is no artifact ${name}`);
    process.exit(1);
  }
  cpSync(join(store, name), path, { recursive: true });
} else {
  const [head, tail] = pattern.split('*');
  for (const found of readdirSync(store)) {
    if (found.startsWith(head) && found.endsWith(tail)) cpSync(join(store, found), join(path, found), { recursive: true });
  }
}
