require('./index.cjs').run('deploy-post');
