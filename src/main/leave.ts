/** Ends the process when the work has ended, with the exit code that it set; 1 when it threw. */
export function leaveAfter(work: Promise<unknown>): void {
  work.catch((error: unknown) => {
    process.exitCode = 1;
    console.error(error);
  }).finally(leave);
}

/**
 * Once everything written has left the process: a pipe takes what it has room for, and what waits for its reader would be lost
 * (https://nodejs.org/api/process.html#a-note-on-process-io).
 */
function leave(): void {
  process.stdout.write('', () => process.stderr.write('', () => process.exit()));
}
