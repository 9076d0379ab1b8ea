require('./start.cjs').run('server');
