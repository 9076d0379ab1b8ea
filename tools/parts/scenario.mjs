// Cookies, with the list of public suffixes, and JSONPath. Name by name, as what imports them is held against it.
export { query } from 'jsonpath-rfc9535';
export { CookieJar } from 'tough-cookie';
