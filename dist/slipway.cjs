#!/usr/bin/env node
require('./start.cjs').cli(process.argv);
