require('./start.cjs').run('report');
