import { createHash } from 'node:crypto';
import type { Slot } from '../host/journal.js';

/** Names that are one site's own: nginx has one space of names for all its sites. */
export interface Names {
  /** What names of upstreams, zones and formats begin with: `shop_production`. */
  readonly id: string;
  /** A variable of the site, as nginx writes it: `$slipway_shop_production_slot`. */
  readonly variable: (name: string) => string;
  /** The upstream of a service without its slot, and a slot's. */
  readonly upstream: (service: string, slot: Slot | '') => string;
}

/**
 * A group of a regular expression is one of them, `slipway_<id>_id`, and PCRE takes 32 characters for it (pcre2pattern(3),
 * "Named capture groups"); nginx's table of variables would have room for some 45 (variables_hash_bucket_size 64).
 */
const LONGEST = 32 - 'slipway__id'.length;

/** The names of an app's site in one environment. */
export function namesOf(app: string, environment: string): Names {
  const plain = `${app}_${environment}`.replaceAll('-', '_');
  const id = plain.length <= LONGEST ? plain : `${plain.slice(0, LONGEST - 9)}_${createHash('sha256').update(plain).digest('hex').slice(0, 8)}`;
  return {
    id: plain,
    variable: (name) => `$slipway_${id}_${name}`,
    upstream: (service, slot) => `${plain}_${service.replaceAll('-', '_')}_${slot}`,
  };
}
