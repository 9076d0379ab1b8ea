import { formatDuration } from '../evidence/format.js';

export type Stage = 'connecting' | 'waiting' | 'reading';

/** A request that brought no whole answer, in words. */
export class ProbeError extends Error {
  readonly remedy: string;

  constructor(message: string, remedy: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'ProbeError';
    this.remedy = remedy;
  }
}

const TLS_CHAIN = 'Install a certificate of a public authority with its whole chain (`fullchain.pem`).';
const SERVICE = 'See whether the service and the web server run and listen there, and what their logs say.';

/** Codes of Node's net, dns, tls and http modules: what happened, and what to do. `where` is `host:port`. */
const EXPLANATIONS: Record<string, (where: string) => readonly [string, string]> = {
  ENOTFOUND: (where) => [`the name of ${where} is not in the DNS`, 'Check the spelling of the address and its DNS records.'],
  EAI_AGAIN: (where) => [`the name of ${where} could not be looked up: the DNS did not answer`, 'Check the network of the runner and its name servers.'],
  ECONNREFUSED: (where) => [`${where} refused the connection: nothing listens there`, SERVICE],
  ECONNRESET: (where) => [`${where} closed the connection before it answered`, SERVICE],
  EPIPE: (where) => [`${where} closed the connection while the request was sent`, SERVICE],
  EHOSTUNREACH: (where) => [`no route to ${where}`, 'Check the address, the firewall and the network of the runner.'],
  ENETUNREACH: (where) => [`the network of ${where} cannot be reached from here`, 'Check the address (IPv6?) and the network of the runner.'],
  ETIMEDOUT: (where) => [`${where} did not accept the connection in time`, 'Check the firewall: it may drop packets from the runner.'],
  CERT_HAS_EXPIRED: (where) => [`the certificate of ${where} has expired`, 'Renew the certificate, and reload the web server.'],
  CERT_NOT_YET_VALID: (where) => [`the certificate of ${where} is not valid yet`, 'Check the clocks of the runner and of the server.'],
  DEPTH_ZERO_SELF_SIGNED_CERT: (where) => [`the certificate of ${where} is signed by itself, so nobody vouches for it`, TLS_CHAIN],
  SELF_SIGNED_CERT_IN_CHAIN: (where) => [`the certificate of ${where} comes from an authority that is not trusted`, TLS_CHAIN],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: (where) => [`the certificate of ${where} cannot be verified: an intermediate certificate is missing, or its authority is not trusted`, TLS_CHAIN],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: (where) => [`the certificate of ${where} comes from an authority that is not trusted, or a part of its chain is missing`, TLS_CHAIN],
  ERR_TLS_CERT_ALTNAME_INVALID: (where) => [`the certificate of ${where} is for other names`, 'Get a certificate that holds this name, or correct the address.'],
  EPROTO: (where) => [`${where} does not speak TLS as expected`, 'See whether this is the HTTPS port (http:// for the other), and which TLS versions the server offers.'],
  ERR_SSL_WRONG_VERSION_NUMBER: (where) => [`${where} does not speak TLS`, 'This may be the HTTP port: use http://, or the port of HTTPS.'],
  ERR_STREAM_PREMATURE_CLOSE: (where) => [`${where} closed the connection before the body was complete`, SERVICE],
};

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

/**
 * Explains why a request to `url` failed at `stage`. An aborted request is explained by the reason it was given: a
 * ProbeError stays what it is.
 */
export function explain(error: unknown, url: URL, stage: Stage): ProbeError {
  if (error instanceof ProbeError) return error;
  const where = `${url.hostname}:${url.port || (url.protocol === 'https:' ? '443' : '80')}`;
  const message = (error as { message?: string } | null)?.message ?? String(error);
  // Node up to 22 reports what OpenSSL says about a plain answer under the general code.
  const code = /wrong version number|packet length too long/i.test(message) ? 'ERR_SSL_WRONG_VERSION_NUMBER' : codeOf(error);
  if (stage === 'reading' && ['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'ABORT_ERR'].includes(code)) {
    return new ProbeError(`${where} closed the connection before the body was complete`, SERVICE, error);
  }
  if (code.startsWith('HPE_')) {
    const what = stage === 'reading' ? 'sent a body that is not valid HTTP' : 'did not answer in HTTP';
    return new ProbeError(`${where} ${what} (${message})`, 'See whether this is the right port, and whether it wants https://.', error);
  }
  // zlib says Z_…, Brotli ERR_…, Zstandard ZSTD_….
  if (stage === 'reading' && /^(Z_|ERR_|ZSTD_)/.test(code) && !(code in EXPLANATIONS)) {
    return new ProbeError(`the body of ${where} is not compressed as its Content-Encoding says (${message})`,
      'Look for two layers (app and web server, or a proxy) that both compress.', error);
  }
  if (code === 'ERR_INVALID_CHAR') {
    return new ProbeError(message.replace(/^Invalid/, 'invalid'), 'A line break or control character is in the value: check the variable it comes from.', error);
  }
  const known = EXPLANATIONS[code];
  if (known !== undefined) {
    const [text, remedy] = known(where);
    const detail = code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? certificateNames(error) : '';
    return new ProbeError(text + detail, remedy, error);
  }
  const suffix = code === '' ? '' : ` (${code})`;
  return new ProbeError(`the request to ${where} failed: ${message}${message.includes(code) ? '' : suffix}`, SERVICE, error);
}

function certificateNames(error: unknown): string {
  const names = (error as { cert?: { subjectaltname?: string } }).cert?.subjectaltname;
  return names === undefined ? '' : `: ${names.replace(/(DNS|IP Address):/g, '')}`;
}

/** The limit of a step ran out: what was being waited for. */
export function outOfTime(limit: number, url: URL, stage: Stage): ProbeError {
  const waited = { connecting: 'no connection', waiting: 'no answer', reading: 'the body was not complete' }[stage];
  return new ProbeError(`${waited} within ${formatDuration(limit)} (${url.host})`,
    stage === 'connecting' ? 'Check the address and the firewall: it may drop packets from the runner.'
      : 'See what the service is doing; when it may take this long, raise `timeout` of the step.');
}
