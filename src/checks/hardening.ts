import { firewall } from './hardening-firewall.js';
import { sshd } from './hardening-sshd.js';
import { upkeep } from './hardening-upkeep.js';
import { webServer } from './hardening-web.js';
import type { HostCheck } from './model.js';

/**
 * How a host is closed and looked after. They warn: a host may stand behind a firewall of its provider's, or be looked after by others.
 * What `server` in slipway.yml declines (`harden: false`, `updates: false` …) is not asked.
 */
export const hardening: readonly HostCheck[] = [...firewall, ...sshd, ...upkeep, ...webServer];
