import { stripControls } from '../evidence/text.js';

/** Names of fields that hold what must not be shown. */
const PRIVATE_NAME = /token|secret|passw|passwd|pwd|session|\bsid\b|csrf|xsrf|jwt|api[-_]?key|private|credential|authori[sz]ation|cookie|otp|bearer|signature/i;

/** A JSON Web Token: three parts of Base64 for URLs, the first being an object. */
const JWT = /\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?/g;
const FIELD = /("([^"\\]{1,60})"\s*:\s*)"(?:[^"\\]|\\.)*("|$)/g;
const PAIR = /\b([A-Za-z_-]{2,60})=([^&\s;"'<>]{4,})/g;
const BEARER = /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi;

/** Whether what a field of this name holds should be kept from view. */
export function isPrivateName(name: string): boolean {
  return PRIVATE_NAME.test(name);
}

/**
 * Whether a value that an app handed out looks like a key to it: a JSON Web Token, or twenty and more characters without
 * spaces that mix letters and digits. Ids people work with (UUID, 24 hexadecimal characters, dates) and URLs do not count.
 */
export function looksLikeToken(value: string): boolean {
  if (new RegExp(JWT.source).test(value)) return true;
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$|^[0-9a-f]{24}$|^\d{4}-\d\d-\d\dT/i.test(value)) return false;
  return /^[A-Za-z0-9._~+/=:-]{20,}$/.test(value) && !/^https?:|^\//.test(value) && /\d/.test(value) && /[A-Za-z]/.test(value);
}

/** A text in which URLs stand without the user and password they may hold. */
export function hideCredentials(text: string): string {
  return text.replace(/(https?:\/\/)[^\s/@]*@/g, '$1');
}

/** A text from an app without what looks like a key to it: tokens, and the values of fields whose name says so. */
export function scrub(text: string): string {
  return text
    .replace(JWT, '***')
    .replace(BEARER, '$1 ***')
    .replace(FIELD, (whole, head: string, name: string, end: string) => isPrivateName(name) ? `${head}"***${end}` : whole)
    .replace(PAIR, (whole, name: string) => isPrivateName(name) ? `${name}=***` : whole);
}

/** The beginning of a body for a report, on one line: scrubbed before it is cut, so that no half of a token is left. */
export function snippet(body: string, length = 200): string {
  const flat = scrub(stripControls(body.slice(0, 20_000))).replace(/\s+/g, ' ').trim();
  return flat.length <= length ? flat : `${flat.slice(0, length)}…`;
}
