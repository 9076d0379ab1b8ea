/**
 * A sentence on what probably went wrong, from the last lines a service wrote. Only patterns whose meaning is certain;
 * no guess is better than a wrong one on a bad day. Sources: errno(3), Node.js "Common system errors", SQLite result codes.
 */
export function likelyCause(lines: readonly string[]): string | undefined {
  const text = lines.join('\n');
  return CAUSES.find(({ pattern }) => pattern.test(text))?.cause;
}

const CAUSES: readonly { pattern: RegExp; cause: string }[] = [
  { pattern: /cannot connect to the docker daemon/i, cause: 'Docker does not run on the host: sudo systemctl status docker' },
  { pattern: /permission denied[^\n]+docker daemon socket/i, cause: 'the login user may not use Docker: sudo usermod -aG docker <user>' },
  { pattern: /pull access denied|manifest unknown|manifest for \S+ not found/i, cause: 'the registry does not give the image out: is its name right, and is the host logged in to the registry (docker login)?' },
  { pattern: /EADDRINUSE|address already in use|port is already allocated/i, cause: 'the port is taken by another process: see the line `port` above for which' },
  { pattern: /SQLITE_BUSY|database is locked/i, cause: 'another process holds a lock on the database: see the lines `lock` above for which' },
  { pattern: /SQLITE_READONLY|attempt to write a readonly database/i, cause: 'the database file or its folder is not writable for the account of the service' },
  { pattern: /ENOSPC|no space left on device/i, cause: 'the disk is full' },
  { pattern: /EACCES|permission denied/i, cause: 'the account of the service may not read, write or listen there' },
  { pattern: /Cannot find (module|package)|ERR_MODULE_NOT_FOUND|ModuleNotFoundError|No module named/i, cause: 'a dependency is missing in the release: is it in the lock file, and does `install` install it?' },
  { pattern: /SyntaxError/, cause: 'the program does not parse: is the Node.js or Python version on the host the one it was written for?' },
  { pattern: /ECONNREFUSED|connection refused/i, cause: 'something the service needs (database, cache, another service) refuses the connection' },
  { pattern: /ENOTFOUND|EAI_AGAIN|name or service not known|temporary failure in name resolution/i, cause: 'a host name the service needs does not resolve on the host' },
  { pattern: /heap out of memory|ENOMEM|MemoryError|Out of memory/i, cause: 'the service ran out of memory' },
  { pattern: /(secret|key|token|environment variable|env var)[^\n]{0,60}(is |are )?(missing|required|not set|undefined)/i, cause: 'a variable is missing in the environment: compare app-env with what the app requires' },
];
