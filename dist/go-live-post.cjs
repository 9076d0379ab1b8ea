require('./index.cjs').run('go-live-post');
