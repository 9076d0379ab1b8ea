/** GitHub sends SIGINT, 7.5 s later SIGTERM, 2.5 s later the kill (docs.github.com, "Workflow cancellation reference"). */
const GRACE_MS = 6000;

/**
 * A signal that aborts at the first SIGINT or SIGTERM, so that commands end by themselves; a second one, or silence for
 * six seconds, ends the process at once through `last`.
 */
export function stopSignal(last: () => void): AbortSignal {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) {
      last();
      process.exit(1);
    }
    controller.abort();
    setTimeout(() => {
      last();
      process.exit(1);
    }, GRACE_MS).unref();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return controller.signal;
}
