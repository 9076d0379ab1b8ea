/** Cipher suites by their numbers in TLS up to 1.2 (IANA, "TLS Cipher Suites"), in the groups the graders judge by. */

/** Groups that no server may accept. SSL Labs' rating guide: F for null, anonymous and export suites, C for 3DES, at best B for RC4. */
export const WEAK_SUITES = {
  null: {
    0x0001: 'NULL-MD5', 0x0002: 'NULL-SHA', 0x003b: 'NULL-SHA256', 0xc001: 'ECDH-ECDSA-NULL-SHA', 0xc006: 'ECDHE-ECDSA-NULL-SHA', 0xc00b: 'ECDH-RSA-NULL-SHA',
    0xc010: 'ECDHE-RSA-NULL-SHA',
  },
  anonymous: {
    0x0018: 'ADH-RC4-MD5', 0x001b: 'ADH-DES-CBC3-SHA', 0x0034: 'ADH-AES128-SHA', 0x003a: 'ADH-AES256-SHA', 0x006c: 'ADH-AES128-SHA256', 0x006d: 'ADH-AES256-SHA256',
    0x00a6: 'ADH-AES128-GCM-SHA256', 0x00a7: 'ADH-AES256-GCM-SHA384', 0xc015: 'AECDH-NULL-SHA', 0xc016: 'AECDH-RC4-SHA', 0xc017: 'AECDH-DES-CBC3-SHA',
    0xc018: 'AECDH-AES128-SHA', 0xc019: 'AECDH-AES256-SHA',
  },
  export: {
    0x0003: 'EXP-RC4-MD5', 0x0006: 'EXP-RC2-CBC-MD5', 0x0008: 'EXP-DES-CBC-SHA', 0x000b: 'EXP-DH-DSS-DES-CBC-SHA', 0x000e: 'EXP-DH-RSA-DES-CBC-SHA',
    0x0011: 'EXP-EDH-DSS-DES-CBC-SHA', 0x0014: 'EXP-EDH-RSA-DES-CBC-SHA', 0x0017: 'EXP-ADH-RC4-MD5', 0x0019: 'EXP-ADH-DES-CBC-SHA', 0x0062: 'EXP1024-DES-CBC-SHA',
    0x0064: 'EXP1024-RC4-SHA',
  },
  rc4: { 0x0004: 'RC4-MD5', 0x0005: 'RC4-SHA', 0xc002: 'ECDH-ECDSA-RC4-SHA', 0xc007: 'ECDHE-ECDSA-RC4-SHA', 0xc00c: 'ECDH-RSA-RC4-SHA', 0xc011: 'ECDHE-RSA-RC4-SHA' },
  '3des': {
    0x0007: 'IDEA-CBC-SHA', 0x0009: 'DES-CBC-SHA', 0x000a: 'DES-CBC3-SHA', 0x0015: 'EDH-RSA-DES-CBC-SHA', 0x0016: 'DHE-RSA-DES-CBC3-SHA', 0xc003: 'ECDH-ECDSA-DES-CBC3-SHA',
    0xc008: 'ECDHE-ECDSA-DES-CBC3-SHA', 0xc00d: 'ECDH-RSA-DES-CBC3-SHA', 0xc012: 'ECDHE-RSA-DES-CBC3-SHA',
  },
} as const satisfies Record<string, Readonly<Record<number, string>>>;

export type WeakSuites = keyof typeof WEAK_SUITES;

/** A fresh key per connection and authenticated encryption: what SSL Labs' guide wants since 2018 for more than a B. */
const MODERN: Readonly<Record<number, string>> = {
  0xc02b: 'ECDHE-ECDSA-AES128-GCM-SHA256', 0xc02c: 'ECDHE-ECDSA-AES256-GCM-SHA384', 0xc02f: 'ECDHE-RSA-AES128-GCM-SHA256', 0xc030: 'ECDHE-RSA-AES256-GCM-SHA384',
  0xcca8: 'ECDHE-RSA-CHACHA20-POLY1305', 0xcca9: 'ECDHE-ECDSA-CHACHA20-POLY1305', 0x009e: 'DHE-RSA-AES128-GCM-SHA256', 0x009f: 'DHE-RSA-AES256-GCM-SHA384',
  0xccaa: 'DHE-RSA-CHACHA20-POLY1305', 0xc0ac: 'ECDHE-ECDSA-AES128-CCM', 0xc0ad: 'ECDHE-ECDSA-AES256-CCM',
};

/** CBC with a fresh key. */
const FRESH_CBC: Readonly<Record<number, string>> = {
  0xc009: 'ECDHE-ECDSA-AES128-SHA', 0xc00a: 'ECDHE-ECDSA-AES256-SHA', 0xc013: 'ECDHE-RSA-AES128-SHA', 0xc014: 'ECDHE-RSA-AES256-SHA', 0xc023: 'ECDHE-ECDSA-AES128-SHA256',
  0xc024: 'ECDHE-ECDSA-AES256-SHA384', 0xc027: 'ECDHE-RSA-AES128-SHA256', 0xc028: 'ECDHE-RSA-AES256-SHA384', 0x0033: 'DHE-RSA-AES128-SHA', 0x0039: 'DHE-RSA-AES256-SHA',
  0x0067: 'DHE-RSA-AES128-SHA256', 0x006b: 'DHE-RSA-AES256-SHA256',
};

/** The key of the certificate opens whatever was recorded before it leaked. */
const STATIC_RSA: Readonly<Record<number, string>> = {
  0x002f: 'AES128-SHA', 0x0035: 'AES256-SHA', 0x003c: 'AES128-SHA256', 0x003d: 'AES256-SHA256', 0x009c: 'AES128-GCM-SHA256', 0x009d: 'AES256-GCM-SHA384',
};

const NAMES: Readonly<Record<number, string>> = Object.assign({}, ...Object.values(WEAK_SUITES), MODERN, FRESH_CBC, STATIC_RSA) as Record<number, string>;

const ids = (...groups: readonly Readonly<Record<number, string>>[]): number[] => groups.flatMap((group) => Object.keys(group).map(Number));

/** Authenticated encryption with forward secrecy. */
export const MODERN_SUITES = ids(MODERN);
/** Every suite with forward secrecy that is not weak. */
export const FRESH_SUITES = ids(MODERN, FRESH_CBC);
/** Everything known, the weak ones last: for asking which protocol versions a server takes. */
export const ALL_SUITES = ids(MODERN, FRESH_CBC, STATIC_RSA, ...Object.values(WEAK_SUITES));

/** The numbers of the weak suites of one kind. */
export function suitesOf(kind: WeakSuites): number[] {
  return ids(WEAK_SUITES[kind]);
}

/** OpenSSL's name of a suite, or its number where it has none here. */
export function suiteName(id: number): string {
  return NAMES[id] ?? `0x${id.toString(16).padStart(4, '0')}`;
}
