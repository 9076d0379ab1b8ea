require('./start.cjs').run('rollback');
