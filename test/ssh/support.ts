import { SshError } from '../../src/ssh/errors.js';

/** The SshError that `promise` rejects with; anything else is a failure of the test. */
export async function refusalOf(promise: Promise<unknown>): Promise<SshError> {
  try {
    const value = await promise;
    throw new Error(`Nothing was refused: ${JSON.stringify(value)}`);
  } catch (error) {
    if (error instanceof SshError) return error;
    throw error;
  }
}

/** Waits until `condition` holds; gives up after a minute, before jest's own limit, so that the condition is named. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000;
  while (!await condition()) {
    if (Date.now() > end) throw new Error(`It never came true: ${condition.toString()}`);
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
}
