/**
 * Ends the process with the exit code it has, once everything written has left it: a pipe takes what it has room for, and what
 * waits for its reader would be lost (https://nodejs.org/api/process.html#a-note-on-process-io).
 */
export function leave(): void {
  process.stdout.write('', () => process.stderr.write('', () => process.exit()));
}
