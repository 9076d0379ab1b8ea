#!/usr/bin/env node
require('./index.cjs').cli(process.argv);
