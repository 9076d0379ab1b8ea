/**
 * Quotes `arg` as one word for a POSIX shell: everything stands between single quotes, where no character but the
 * quote itself means anything (POSIX.1-2024, Shell Command Language, 2.2.2). This is the only way a value enters
 * shell text.
 * @throws {Error} when `arg` contains NUL, which no argument of a process can carry.
 */
export function quote(arg: string): string {
  if (arg.includes('\0')) throw new Error('A NUL character cannot be part of a shell word.');
  return `'${arg.replaceAll("'", "'\\''")}'`;
}
