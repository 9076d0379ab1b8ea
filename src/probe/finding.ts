/** One expectation held against an answer. Both texts read as statements about the answer. */
export interface Finding {
  readonly ok: boolean;
  readonly expected: string;
  readonly observed: string;
  /** What the remedy depends on. */
  readonly kind: 'status' | 'header' | 'body' | 'time' | 'release';
}
