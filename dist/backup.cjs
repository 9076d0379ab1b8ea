require('./start.cjs').run('backup');
