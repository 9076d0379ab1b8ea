require('./start.cjs').run('signoff');
