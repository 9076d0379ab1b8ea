require('./start.cjs').run('watch');
