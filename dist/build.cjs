require('./start.cjs').run('build');
