import { leaveAfter } from './leave.js';

export { plotsFrom } from './plots.js';

/** The entry of every action: the stubs in dist/ name which. What it does not need is not evaluated. */
export function run(name: string): void {
  const post = name.endsWith('-post');
  // A process that ends without having said so has failed; a post step never fails the job.
  if (!post) process.exitCode = 1;
  leaveAfter(import('./action.js').then(({ runAction, runPost }) => (post ? runPost() : runAction(name))));
}
