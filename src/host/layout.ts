/**
 * Where things stand on a host, below the app's root (DESIGN §4, law 5). Pure paths; the scripts know the same layout.
 *
 *     current → releases/<id>      releases/<id>/      shared/
 *     .slipway/{app,journal,lease,lock,rewritten}   .slipway/manifests/<id>/   .slipway/services/<key>/   .slipway/slots/<slot>
 *     .slipway/revert/   .slipway/logs/
 */

/** The path by which services reach the live release. */
export function currentLink(root: string): string {
  return `${root}/current`;
}

/** The path by which the services of a slot reach their release. */
export function slotLink(root: string, slot: 'blue' | 'green'): string {
  return `${root}/.slipway/slots/${slot}`;
}

/** The stable folder from which a service's launcher and definition are used. */
export function serviceFolder(root: string, key: string): string {
  return `${root}/.slipway/services/${key}`;
}

/** The folder of logs that Slipway points managers to when they have no journal of their own. */
export function logFolder(root: string): string {
  return `${root}/.slipway/logs`;
}
