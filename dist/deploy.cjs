require('./index.cjs').run('deploy');
