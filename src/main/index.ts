import { runAction, runPost } from './action.js';
import { COMMANDS, type CommandName } from './commands.js';

export { cli } from './cli.js';
export { plotsFrom } from './plots.js';

/** The entry of every action: the stubs in dist/ name which. */
export function run(name: string): void {
  const post = name.endsWith('-post');
  const work = post ? runPost() : runAction(commandName(name));
  work.then(
    () => process.exit(),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
}

function commandName(name: string): CommandName {
  if (!Object.hasOwn(COMMANDS, name)) throw new Error(`there is no action ${name}`);
  return name as CommandName;
}
