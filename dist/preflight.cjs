require('./start.cjs').run('preflight');
