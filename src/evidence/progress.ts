import { formatBytes, formatCount } from './format.js';
import { truncate } from './text.js';

/** Redrawing more often only costs time. */
const INTERVAL = 100;
const CELLS = 24;
const CLEAR_LINE = '\r\u001b[2K';

export interface ProgressBar {
  /** Bytes done and in all of one transfer; equal amounts end it. */
  update(subject: string, done: number, total: number): void;
  /** Takes the bar off the screen; the next update draws it again. */
  clear(): void;
}

/** One line for all transfers under way: `[████████────────] 45 %  1.4 MB of 3.2 MB  2 hosts`. Silent without a terminal. */
export function progressBar(
  stream: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number },
  clock: () => number = () => performance.now(),
): ProgressBar {
  const transfers = new Map<string, { done: number; total: number }>();
  let visible = false;
  let drawn = -Infinity;

  const clear = (): void => {
    if (visible) stream.write(CLEAR_LINE);
    visible = false;
  };
  const draw = (): void => {
    const all = [...transfers.values()];
    const done = all.reduce((sum, transfer) => sum + transfer.done, 0);
    const total = all.reduce((sum, transfer) => sum + transfer.total, 0);
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const filled = Math.round(share * CELLS);
    const who = transfers.size === 1 ? [...transfers.keys()][0] ?? '' : formatCount(transfers.size, 'host');
    const text = `[${'█'.repeat(filled)}${'─'.repeat(CELLS - filled)}] ${Math.floor(share * 100)} %  ${formatBytes(done)} of ${formatBytes(total)}  ${who}`;
    stream.write(`${CLEAR_LINE}${truncate(text, (stream.columns ?? 80) - 1)}`);
    visible = true;
    drawn = clock();
  };

  return {
    clear,
    update: (subject, done, total) => {
      if (stream.isTTY !== true) return;
      transfers.set(subject, { done, total });
      if ([...transfers.values()].every((transfer) => transfer.done >= transfer.total)) {
        transfers.clear();
        clear();
      } else if (clock() - drawn >= INTERVAL) {
        draw();
      }
    },
  };
}
