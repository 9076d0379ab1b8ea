require('./index.cjs').run('preflight');
