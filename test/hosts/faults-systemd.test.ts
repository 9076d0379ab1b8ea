import { faultHost } from './fault-host.js';
import { describeFaults } from './faults.js';

describeFaults('systemd', () => faultHost('systemd'));
