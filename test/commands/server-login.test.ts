import { expect, test } from '@jest/globals';
import { cameIn } from '../../src/commands/server-login.js';
import type { Connection } from '../../src/ssh/types.js';

/** A login that answers every command with this. */
const answering = (code: number, stdout: string): Pick<Connection, 'name' | 'user' | 'exec'> => ({
  name: 'root@203.0.113.10', user: 'root', exec: () => Promise.resolve({ code, stdout, stderr: '' } as Awaited<ReturnType<Connection['exec']>>),
});

test('a login says where it comes from and at which port it arrived', async () => {
  await expect(cameIn(answering(0, '192.0.2.7 50022 203.0.113.10 22'))).resolves.toBe('192.0.2.7 50022 203.0.113.10 22');
  await expect(cameIn(answering(0, 'something else'))).resolves.toBe('');
});

test('an image that lets root in only to be told another user names that user as the login to take', async () => {
  await expect(cameIn(answering(142, 'Please login as the user "ubuntu" rather than the user "root".\n\n'))).rejects.toMatchObject({
    message: expect.stringMatching(/^root@203\.0\.113\.10: the key lets root in, but runs no command[^]*rather than the user "root"/), remedy: expect.stringContaining('`--login ubuntu`'),
  });
});

test('a key that is bound to another command is told as such', async () => {
  await expect(cameIn(answering(1, ''))).rejects.toMatchObject({ message: expect.stringContaining('(exit code 1)'), remedy: expect.stringContaining('authorized_keys') });
});
