import * as z from 'zod';
import { duration, whole } from './fields.js';
import { section } from './section.js';

/** What `server` closes on a host. Each risky step arms its way back first. */
export const harden = section('What is closed on the hosts. Before each risky step the host arms a timer that takes it back.', {
  firewall: z.boolean().prefault(true).meta({ description: 'ufw: nothing comes in but SSH, http, https and `allow`.' }),
  allow: z
    .array(z.string().regex(/^[0-9]{1,5}\/(tcp|udp)$/, { error: ({ input }) => `must be a port and its protocol, such as 51820/udp, is \`${String(input)}\`` }))
    .prefault([])
    .meta({ description: 'Further ports that stay open.', examples: [['51820/udp']] }),
  ssh: z.boolean().prefault(true).meta({ description: 'sshd: keys only, no root, few tries.' }),
  'max-auth-tries': whole(1, 20, 'How many keys one connection may try.', 4).prefault(4),
  ban: z.boolean().prefault(true).meta({ description: 'fail2ban for sshd and nginx.' }),
  'ban-ignore': z.array(z.string().regex(/^[0-9a-fA-F.:/]+$/, { error: 'must be an address or a network' })).prefault([]).meta({
    description: 'Addresses that are never banned, such as those of your runners or your office.',
    examples: [['203.0.113.0/24']],
  }),
  kernel: z.boolean().prefault(true).meta({ description: 'Basic sysctl settings of the network and the kernel.' }),
  'undo-within': duration('How long a risky step may stay unproven before the host takes it back by itself.').prefault('60s'),
}, {
  rules: ({ 'undo-within': within }, complain) => {
    // A login takes some seconds, and whoever waits for a dead run waits as long.
    if (typeof within === 'number' && (within < 5_000 || within > 3_600_000)) complain(['undo-within'], 'must be from 5s to 1h');
  },
});
