import type { Answer } from './answer.js';
import type { Finding } from './finding.js';

/** What to do about the first expectation that failed. */
export function remedyFor(finding: Finding, answer: Answer): string {
  switch (finding.kind) {
    case 'status': return remedyForStatus(finding.expected, answer.exchange.status);
    case 'release': return 'Another release answers: a process of the old one still runs, the switch did not reach the web server, or a cache stands in between.';
    case 'header': return 'Set the header in the app, or in the web server\'s configuration of the site.';
    case 'time': return 'See what the service waits for; if this time is all right, raise `within` of the step.';
    case 'body': return 'Send the request by hand and compare; correct the app, or what the step expects.';
  }
}

function remedyForStatus(expected: string, status: number): string {
  if (status < 300 && /^status (?!.*\b2)|^status other than .*2/.test(expected)) {
    return 'The app accepted what it must refuse. Close this before going live: change the credentials, or protect the route.';
  }
  if (status >= 300 && status < 400) return 'To follow the redirect set `redirects: 1` on the step; if it is meant, expect its status.';
  if (status === 401 || status === 403) return 'Check the credentials this step sends: the test user, and the variables they come from.';
  if (status === 404) return 'Check the path, and whether the web server sends it to the right service.';
  if (status === 429) return 'A rate limit was met: let the test user or the runner\'s address pass, or send fewer requests.';
  if ([502, 503, 504].includes(status)) return 'The web server is there, the service behind it is not: see whether it runs and what its log says.';
  if (status >= 500) return 'Look into the service\'s log at this time.';
  return 'Check what the step sends; the beginning of the answer may say what is missing.';
}
