import type { DnsFacts } from '../probe/dns.js';
import type { PageFacts } from '../probe/page.js';
import type { TlsFacts } from '../probe/tls.js';

/** What the DNS says of one name, and what it should. */
export interface NameFacts extends DnsFacts {
  /** The addresses the name should have; empty when they cannot be known from here. */
  readonly expected: readonly string[];
  /** Why they cannot be known. */
  readonly unknown?: string;
}

/** What the site looks like from outside; a part is absent when it was not asked. */
export interface SiteFacts {
  readonly names?: readonly NameFacts[];
  /** One per name and address. */
  readonly tls?: readonly TlsFacts[];
  readonly pages?: readonly PageFacts[];
}
