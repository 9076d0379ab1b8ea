require('./start.cjs').run('go-live-post');
