import { createHmac, timingSafeEqual } from 'node:crypto';

const LIFETIME = 60 * 60 * 1000;

const sign = (text, secret) => createHmac('sha256', secret).update(text).digest('base64url');

/** Compares without telling by its time how much was right. */
export function same(given, expected) {
  const key = 'comparison';
  return timingSafeEqual(createHmac('sha256', key).update(given).digest(), createHmac('sha256', key).update(expected).digest());
}

/** A signed token, so that every instance accepts what any other one issued. */
export function issueToken(email, secret) {
  const body = Buffer.from(JSON.stringify({ email, expires: Date.now() + LIFETIME })).toString('base64url');
  return `${body}.${sign(body, secret)}`;
}

/** The email the token was issued to, or undefined when it is forged or expired. */
export function readToken(token, secret) {
  const [body = '', signature = ''] = token.split('.');
  if (!same(signature, sign(body, secret))) {
    return undefined;
  }
  const { email, expires } = JSON.parse(Buffer.from(body, 'base64url').toString());
  return expires > Date.now() ? email : undefined;
}
