require('./index.cjs').run('rollback');
