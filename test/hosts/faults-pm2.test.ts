import { faultHost } from './fault-host.js';
import { describeFaults } from './faults.js';

// What `pm2 startup` prints for a team to run once: after a reboot PM2 starts what was saved.
describeFaults('pm2', () => faultHost('pm2', { prepare: (host) => host.run('env PATH="$PATH" pm2 startup systemd -u deploy --hp /home/deploy') }));
