require('./start.cjs').run('smoke');
