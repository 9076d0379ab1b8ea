require('./index.cjs').run('smoke');
