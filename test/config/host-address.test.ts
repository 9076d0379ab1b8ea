import { describe, expect, test } from '@jest/globals';
import { hostName, parseEndpoint, parseHostAddress } from '../../src/config/host-address.js';

describe('a host address', () => {
  test.each([
    ['deploy@203.0.113.10', 'deploy', '203.0.113.10', 22],
    ['deploy@203.0.113.10:2222', 'deploy', '203.0.113.10', 2222],
    ['deploy@www.example.com', 'deploy', 'www.example.com', 22],
    ['ci_user-1@db', 'ci_user-1', 'db', 22],
    ['deploy@[2001:db8::1]', 'deploy', '2001:db8::1', 22],
    ['deploy@[2001:db8::1]:2222', 'deploy', '2001:db8::1', 2222],
  ])('%s is read and written back', (text, user, address, port) => {
    expect(parseHostAddress(text)).toEqual({ user, address, port });
    expect(hostName({ user, address, port })).toBe(text);
  });

  test('leaves the usual port out of the name', () => {
    expect(hostName(parseHostAddress('deploy@[2001:db8::1]:22'))).toBe('deploy@[2001:db8::1]');
  });

  test.each([
    ['203.0.113.10', 'must name the user to log in as'],
    ['@203.0.113.10', 'must name the user to log in as'],
    ['', 'must name the user to log in as'],
    ['deploy@', 'must name a host'],
    ['deploy@2001:db8::1', 'must have its IPv6 address in brackets'],
    ['deploy@[2001:db8::1', 'must have its IPv6 address in brackets'],
    ['deploy@[203.0.113.10]', 'must hold an IPv6 address in the brackets'],
    ['deploy@[fe80::1%eth0]', 'must hold an IPv6 address in the brackets'],
    ['deploy@203.0.113', 'must hold a whole IPv4 address'],
    ['deploy@203.0.113.999', 'must hold a whole IPv4 address'],
    ['deploy@host:0', 'must end in a port 1–65535, is `deploy@host:0`'],
    ['deploy@host:70000', 'must end in a port 1–65535, is `deploy@host:70000`'],
    ['deploy@host:ssh', 'must end in a port 1–65535, is `deploy@host:ssh`'],
    ['deploy@host:', 'must end in a port 1–65535, is `deploy@host:`'],
    ['deploy @host', 'must not contain spaces'],
    ['deploy@ho st', 'must not contain spaces'],
    ['deploy@host/path', 'must name a host'],
    ['deploy@-oProxyCommand=x', 'must name a host'],
    ['-l@host', 'must begin with a user name'],
    ['ssh://deploy@host', 'must be user@host[:port] without `ssh://`'],
    ['https://host', 'must be user@host[:port] without `https://`'],
  ])('%j is refused', (text, message) => {
    expect(() => parseHostAddress(text)).toThrow(message);
  });

  test('never repeats a password', () => {
    const error = (): unknown => parseHostAddress('deploy:hunter2@host');
    expect(error).toThrow('must not contain a password');
    expect(error).not.toThrow('hunter2');
  });
});

describe('an endpoint', () => {
  test('is a host with a port', () => {
    expect(parseEndpoint('smtp.example.com:587')).toEqual({ address: 'smtp.example.com', port: 587 });
    expect(parseEndpoint('[2001:db8::1]:443')).toEqual({ address: '2001:db8::1', port: 443 });
  });

  test.each(['smtp.example.com', 'https://example.com:443', '2001:db8::1:443', 'host:99999'])(
    '%j is refused',
    (text) => {
      expect(() => parseEndpoint(text)).toThrow('must');
    },
  );
});
