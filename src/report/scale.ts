import type { Span } from './model.js';

/** A time line's axis: long waits, for a sign-off or a runner, are cut short, so that what was done can be seen. */
export interface Scale {
  /** Length of the axis, in milliseconds of which waits have only some. */
  readonly length: number;
  /** Where the axis has a moment. */
  at(ms: number): number;
  /** The moment at a place of the axis; undefined within a wait. */
  when(place: number): number | undefined;
  /** The waits: where each is drawn, and how long it was. */
  readonly waits: readonly { readonly from: number; readonly to: number; readonly ms: number }[];
}

/** A wait shorter than this is drawn as long as it was. */
const SHORT = 20_000;

/** The scale for these spans: what nobody worked in is drawn short, however long it was. */
export function scaleOf(spans: readonly Span[]): Scale {
  const busy: { from: number; to: number }[] = [];
  for (const { from, to } of [...spans].sort((a, b) => a.from - b.from)) {
    const last = busy.at(-1);
    if (last !== undefined && from - last.to <= SHORT) last.to = Math.max(last.to, to);
    else busy.push({ from, to });
  }
  const active = Math.max(1000, busy.reduce((sum, { from, to }) => sum + to - from, 0));
  const gap = active * 0.08;
  let place = 0;
  const waits: { from: number; to: number; ms: number }[] = [];
  const pieces = busy.map(({ from, to }, index) => {
    const before = busy[index - 1];
    if (before !== undefined) {
      const ms = from - before.to;
      const width = Math.min(ms, gap);
      if (ms > gap) waits.push({ from: place, to: place + width, ms });
      place += width;
    }
    const piece = { from, to, place };
    place += to - from;
    return piece;
  });
  return {
    length: Math.max(place, 1),
    waits,
    at: (ms) => {
      const piece = pieces.findLast(({ from }) => from <= ms) ?? pieces[0];
      return piece === undefined ? 0 : piece.place + Math.min(Math.max(0, ms - piece.from), piece.to - piece.from);
    },
    when: (where) => {
      const piece = pieces.findLast(({ place: start }) => start <= where);
      if (piece === undefined) return undefined;
      return where - piece.place <= piece.to - piece.from ? piece.from + where - piece.place : undefined;
    },
  };
}
