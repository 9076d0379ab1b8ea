/**
 * Rejects when the process would end, or go on, without the work having come to its end: by an error that nobody waited for, or
 * because a promise is waited for that nobody will ever settle and nothing is left that could wake the process (Node would
 * then just end, https://nodejs.org/api/process.html#event-beforeexit). So that even a defect of ours ends in outputs, a
 * summary and a red step.
 */
export function endingEarly(): Promise<never> {
  const ending = new Promise<never>((_, reject) => {
    process.once('uncaughtException', reject);
    process.once('unhandledRejection', reject);
    process.once('beforeExit', () => reject(new Error('the run stopped before its end: nothing was left to wait for. This is a defect of Slipway\'s; please report it')));
  });
  // Who comes too late to hear of it has told its own end already.
  ending.catch(() => undefined);
  return ending;
}
