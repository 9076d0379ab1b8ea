import { leave } from './leave.js';

export { plotsFrom } from './plots.js';

/** The entry of every action: the stubs in dist/ name which. What it does not need is not evaluated. */
export function run(name: string): void {
  const post = name.endsWith('-post');
  // A process that ends without having said so has failed; a post step never fails the job.
  if (!post) process.exitCode = 1;
  ended(import('./action.js').then(({ runAction, runPost }) => (post ? runPost() : runAction(name))));
}

/** The entry of the command line; `version` is Slipway's. */
export function cli(argv: readonly string[], version: string): void {
  process.exitCode = 1;
  ended(import('./cli.js').then((line) => line.cli(argv, version)));
}

function ended(work: Promise<void>): void {
  work.catch((error: unknown) => {
    process.exitCode = 1;
    console.error(error);
  }).finally(leave);
}
