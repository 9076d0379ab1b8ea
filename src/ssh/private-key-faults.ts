/** What is wrong with a private key's text and how it is mended. */
export interface KeyFault {
  readonly message: string;
  readonly remedy: string;
}

const COPY = 'Copy the whole file into the secret, for example with `gh secret set SSH_PRIVATE_KEY < deploy-key`.';
const BEGIN = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/;
const END = /-----END [A-Z0-9 ]*PRIVATE KEY-----/;

/**
 * Names the way in which `text` fails to be a private key, as far as that can be told without decoding it.
 * `readable` says whether a mended text would do: only then do we say that mending it is all it takes.
 */
export function faultOf(text: string, readable: (candidate: string) => boolean): KeyFault | undefined {
  const key = text.trim();
  return emptyFault(text) ?? kindFault(key) ?? wrappingFault(text, key, readable) ?? framingFault(key, readable);
}

function emptyFault(text: string): KeyFault | undefined {
  if (text.trim() !== '') return undefined;
  return {
    message: 'The private key is empty.',
    remedy: 'Is the secret set for this environment, and does the workflow pass it on? An absent secret is an empty string.',
  };
}

/** Something else than an OpenSSH or PEM private key. */
function kindFault(key: string): KeyFault | undefined {
  if (/^\S+-cert-v\d\d@openssh\.com\s/.test(key)) {
    return { message: 'This is an SSH certificate, not a private key.', remedy: 'Give the private key the certificate was made for.' };
  }
  if (/^(ssh-(ed25519|rsa|dss)|ecdsa-sha2-\S+|sk-\S+)\s/.test(key) || /^-{4,5} ?BEGIN [A-Z0-9 ]*PUBLIC KEY ?-{4,5}/.test(key)) {
    return { message: 'This is a public key, not a private key.', remedy: 'Give the file without `.pub`. The public key belongs into ~/.ssh/authorized_keys on the hosts.' };
  }
  if (/^PuTTY-User-Key-File-\d/.test(key)) {
    return { message: 'The private key is in PuTTY format.', remedy: 'Convert it: `puttygen key.ppk -O private-openssh -o deploy-key`, or in PuTTYgen: Conversions, Export OpenSSH key.' };
  }
  if (/^-----BEGIN CERTIFICATE-----/.test(key)) {
    return { message: 'This is an X.509 certificate, not a private key.', remedy: COPY };
  }
  if (/^(SHA256:|MD5:)/.test(key)) {
    return { message: 'This is a fingerprint, not a private key.', remedy: COPY };
  }
  if (/^(~|\.{0,2}\/|[A-Za-z]:\\)[^\n]*$/.test(key) && key.length < 300) {
    return { message: 'This is the path of a file, not a private key.', remedy: COPY };
  }
  return undefined;
}

/** A key that is whole, but wrapped in something. */
function wrappingFault(text: string, key: string, readable: (candidate: string) => boolean): KeyFault | undefined {
  const quoted = /^(["'`])([\s\S]*)\1$/.exec(key);
  if (quoted !== null) {
    return { message: 'The private key stands in quotation marks.', remedy: 'Remove the quotation marks around the secret.' };
  }
  if (BEGIN.test(key) && /\\r?\\?n/.test(key)) {
    return { message: 'The private key has the two characters \\n where its line ends should be.', remedy: `Store it with real line ends. ${COPY}` };
  }
  if (text.includes('\r') && readable(text.replaceAll(/\r\n?/g, '\n'))) {
    return { message: 'The private key has Windows line ends (CRLF).', remedy: 'Convert it: `tr -d \'\\r\' < key > deploy-key`, then store it again.' };
  }
  const unindented = key.replaceAll(/^[ \t]+|[ \t]+$/gm, '');
  if (unindented !== key && BEGIN.test(key) && key.includes('\n') && readable(unindented)) {
    return { message: 'Lines of the private key are indented or end in blanks.', remedy: `Remove the blanks around each line. ${COPY}` };
  }
  if (!BEGIN.test(key) && !END.test(key)) return base64Fault(key);
  return undefined;
}

/** Base64 without header: of a whole key file, or the body of one. */
function base64Fault(key: string): KeyFault | undefined {
  const compact = key.replaceAll(/\s/g, '');
  if (!/^[A-Za-z0-9+/]{40,}={0,2}$/.test(compact)) return undefined;
  const decoded = Buffer.from(compact, 'base64').toString('latin1');
  if (decoded.includes('-----BEGIN ')) {
    return { message: 'The private key is encoded in base64 as a whole.', remedy: 'Store the file as it is; secrets may have several lines.' };
  }
  return { message: 'The private key has no header and no footer line.', remedy: `It begins with a line such as -----BEGIN OPENSSH PRIVATE KEY-----. ${COPY}` };
}

/** Header, footer and line breaks. */
function framingFault(key: string, readable: (candidate: string) => boolean): KeyFault | undefined {
  const begin = BEGIN.exec(key);
  const end = END.exec(key);
  if (begin === null && end === null) {
    return /BEGIN|END|PRIVATE KEY/.test(key)
      ? { message: 'The header or footer line of the private key is damaged.', remedy: `Each has five dashes on both sides. ${COPY}` }
      : { message: 'This is not a private key in a known form.', remedy: `OpenSSH and PEM are understood. ${COPY}` };
  }
  if (begin === null) {
    return { message: 'The header line of the private key is missing.', remedy: `It begins with a line such as -----BEGIN OPENSSH PRIVATE KEY-----. ${COPY}` };
  }
  if (end === null) {
    return readable(`${key}\n${begin[0].replace('BEGIN', 'END')}\n`)
      ? { message: 'The footer line of the private key is missing.', remedy: `It ends with the line ${begin[0].replace('BEGIN', 'END')}. ${COPY}` }
      : { message: 'The private key is cut: its end is missing.', remedy: COPY };
  }
  if (begin.index > 0 || end.index + end[0].length < key.length) {
    return { message: 'There is text before or after the private key.', remedy: `Only the lines from header to footer belong there. ${COPY}` };
  }
  if (!key.includes('\n')) {
    return { message: 'The private key has lost its line breaks: it stands on one line.', remedy: COPY };
  }
  return undefined;
}
