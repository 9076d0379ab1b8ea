import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connect } from '../../src/ssh/connect.js';
import type { Connection } from '../../src/ssh/types.js';
import { startEmbeddedHost, type EmbeddedHost } from '../support/embedded-host.js';

let host: EmbeddedHost;
let connection: Connection;
beforeAll(async () => {
  host = await startEmbeddedHost();
  connection = await connect(host.hostAddress(), { privateKey: host.clientKey });
});
afterAll(async () => {
  await connection.close();
  await host.stop();
});

describe('exec', () => {
  test('gives exit code, stdout and stderr apart', async () => {
    expect(await connection.exec('echo out; echo err >&2; exit 3')).toEqual({ code: 3, stdout: 'out\n', stderr: 'err\n' });
  });
});
