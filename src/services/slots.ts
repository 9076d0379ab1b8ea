import type { Config, ServiceConfig } from '../config/schema.js';
import type { Slot } from '../host/journal.js';

/** The two places an instance of a service can run side by side. */
export const SLOTS: readonly Slot[] = ['blue', 'green'];

/** Whether a service runs in slots: nginx stands in front of it, so that a second one can stand beside the first. */
export function isSlotted(service: ServiceConfig, site: Config['site']): boolean {
  return site !== undefined && service.manager !== 'static' && service.port !== undefined && Object.values(site.routes).some((route) => route.service === service.name);
}

/** The port of a service in a slot: its own in blue, a second one in green. */
export function slotPort(service: ServiceConfig, slot: Slot): number {
  const { port = 0, greenPort } = service;
  return slot === 'blue' ? port : (greenPort ?? (port > 55_535 ? port - 10_000 : port + 10_000));
}
