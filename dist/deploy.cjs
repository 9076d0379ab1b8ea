require('./start.cjs').run('deploy');
