import { expect, test } from '@jest/globals';
import { explainFailure } from '../../src/site/certificate-errors.js';

test.each(['Connection refused', 'Name or service not known', 'No route to host', 'Network is unreachable'])('an authority that cannot be reached (%s) is told as such, in the short words of certbot\'s library too', (words) => {
  const text = `Saving debug log to /var/log/letsencrypt/letsencrypt.log\nAn unexpected error occurred:\nValueError: Requesting acme.example.com/directory: ${words}`;
  const said = explainFailure(text, { names: ['www.example.com'], mode: 'webroot', server: 'https://acme.example.com/directory', now: new Date() });
  expect(said.kind).toBe('network');
  expect(said.message).toMatch(/^the host cannot reach acme.example.com[^]*Requesting/);
});
