import { randomBytes } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import { Readable } from 'node:stream';
import type { HttpStep } from '../config/schema.js';
import { UserError } from '../evidence/errors.js';

/** A request's body that can be sent more than once: a redirect with status 307 asks for it again. */
export interface Body {
  readonly contentType: string | undefined;
  /** Bytes. */
  readonly length: number;
  open(): Readable;
}

/** What browsers send for the files smoke tests upload; anything else is bytes. */
const TYPES: Record<string, string> = {
  '.png': 'image/png', '.jpg': 'image/jpeg', '.jpeg': 'image/jpeg', '.gif': 'image/gif', '.webp': 'image/webp', '.svg': 'image/svg+xml',
  '.pdf': 'application/pdf', '.csv': 'text/csv', '.txt': 'text/plain', '.json': 'application/json', '.xml': 'application/xml', '.html': 'text/html',
  '.zip': 'application/zip', '.xlsx': 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  '.docx': 'application/vnd.openxmlformats-officedocument.wordprocessingml.document', '.mp4': 'video/mp4',
};

function textBody(text: string, contentType: string | undefined): Body {
  const bytes = Buffer.from(text, 'utf8');
  return { contentType, length: bytes.length, open: () => Readable.from([bytes]) };
}

/** How browsers write a name or file name in a part's head (WHATWG HTML, multipart/form-data encoding). */
function partName(name: string): string {
  return name.replace(/\r\n?|\n/g, '%0D%0A').replaceAll('"', '%22');
}

function multipart(upload: NonNullable<HttpStep['upload']>, cwd: string): Body {
  const file = resolve(cwd, upload.file);
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat?.isFile() !== true) {
    throw new UserError(`The file to upload, ${upload.file}, ${stat === undefined ? 'does not exist' : 'is not a file'}.`, {
      remedy: 'Give its path relative to the workspace, and check it out before the smoke test.',
    });
  }
  const boundary = `slipway-${randomBytes(16).toString('hex')}`;
  const type = upload.type ?? TYPES[extname(file).toLowerCase()] ?? 'application/octet-stream';
  const fields = Object.entries(upload.fields ?? {}).map(([name, value]) =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${partName(name)}"\r\n\r\n${value}\r\n`).join('');
  const head = Buffer.from(`${fields}--${boundary}\r\nContent-Disposition: form-data; name="${partName(upload.field)}"; `
    + `filename="${partName(basename(file))}"\r\nContent-Type: ${type}\r\n\r\n`);
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    length: head.length + stat.size + tail.length,
    open: () => Readable.from((async function* () {
      yield head;
      yield* createReadStream(file) as AsyncIterable<Buffer>;
      yield tail;
    })()),
  };
}

/**
 * The body of a step whose variables are filled in; `undefined` for a step without one. Files are found from `cwd`
 * and streamed. Throws UserError when a file is missing.
 */
export function bodyOf(step: HttpStep, cwd: string): Body | undefined {
  if ('json' in step && step.json !== undefined) return textBody(JSON.stringify(step.json), 'application/json');
  if (step.form !== undefined) return textBody(new URLSearchParams(step.form).toString(), 'application/x-www-form-urlencoded');
  if (step.upload !== undefined) return multipart(step.upload, cwd);
  if (step.body !== undefined) return textBody(step.body, undefined);
  return undefined;
}
