require('./start.cjs').run('deploy-post');
