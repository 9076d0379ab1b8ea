require('./start.cjs').run('certbot');
