import type { Host } from './harness.js';

/** An authority of the test's own on a host, with a DNS that says what it is told. */
export interface Pebble {
  /** How many certificates were asked for so far. */
  orders(): Promise<number>;
  /** What the authority is told of a name's address. */
  lie(name: string, address: string): Promise<void>;
  /** What the authority at port 14002 answers to every order: pebble itself knows neither limits nor CAA. */
  refuse(answer: { type: string; detail: string; status: number; headers?: Readonly<Record<string, string>> }): Promise<void>;
}

/** The directory of pebble's, but orders go to one who refuses them as told. */
const REFUSING = `
import http.server, json, ssl, urllib.request
trust = ssl.create_default_context(cafile='/root/acme/ca.pem')
# Python 3.13 asks a root for what the short-lived one of a test has not.
trust.verify_flags &= ~ssl.VERIFY_X509_STRICT
class Refusing(http.server.BaseHTTPRequestHandler):
    def answer(self, status, kind, body, headers={}):
        self.send_response(status)
        for name, value in {'Content-Type': kind, 'Content-Length': str(len(body)), 'Replay-Nonce': 'none', **headers}.items(): self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        directory = json.load(urllib.request.urlopen('https://localhost:14000/dir', context=trust))
        self.answer(200, 'application/json', json.dumps({**directory, 'newOrder': 'https://localhost:14002/order'}).encode())
    def do_POST(self):
        self.rfile.read(int(self.headers['Content-Length']))
        told = json.load(open('/root/acme/refuse.json'))
        self.answer(told['status'], 'application/problem+json', json.dumps({'type': 'urn:ietf:params:acme:error:' + told['type'], 'detail': told['detail'], 'status': told['status']}).encode(), told.get('headers', {}))
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', 14002), Refusing)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('/root/acme/server.pem', '/root/acme/server.key')
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
`;

const CONFIG = (port: number, account: boolean): string => JSON.stringify({
  pebble: {
    listenAddress: `0.0.0.0:${port}`, managementListenAddress: `127.0.0.1:${port + 1000}`, certificate: '/root/acme/server.pem', privateKey: '/root/acme/server.key',
    httpPort: 80, tlsPort: 443, ocspResponderURL: '', externalAccountBindingRequired: account,
    ...(account ? { externalAccountMACKeys: { 'kid-1': 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W' } } : {}),
  },
});

// 192.0.2.1 is nobody's, and the host knows it: no test waits for an answer from there.
const START = `set -e
mkdir -p /root/acme; cd /root/acme
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj '/CN=Test authority' -keyout ca.key -out ca.pem 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -keyout server.key -out server.csr 2>/dev/null
printf 'subjectAltName=DNS:localhost,DNS:acme.example.com' > ext
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out server.pem 2>/dev/null
cp ca.pem /etc/ssl/acme.pem
ip route add unreachable 192.0.2.1 2>/dev/null || true
systemd-run --quiet --unit challtestsrv pebble-challtestsrv -defaultIPv4 127.0.0.1 -defaultIPv6 '' -dns01 127.0.0.1:8053 -http01 '' -https01 '' -tlsalpn01 '' -management 127.0.0.1:8055
for port in 14000 14001; do
  systemd-run --quiet --unit "pebble-$port" --setenv PEBBLE_VA_NOSLEEP=1 --setenv PEBBLE_WFE_NONCEREJECT=0 pebble -config "/root/acme/$port.json" -dnsserver 127.0.0.1:8053
done
systemd-run --quiet --unit refusing python3 /root/acme/refusing.py
for port in 14000 14001 14002; do
  for _ in $(seq 100); do curl -so /dev/null --cacert ca.pem "https://localhost:$port/dir" && break; sleep 0.1; done
done
curl -s --cacert ca.pem https://localhost:15000/roots/0 > /root/issuer.pem
`;

/** Starts pebble at port 14000, and at 14001 one that wants an account (kid-1); both come to port 80 of the host. At 14002 orders are refused. */
export async function startPebble(host: Host): Promise<Pebble> {
  await host.run('mkdir -p /root/acme; cat > /root/acme/refusing.py', { input: REFUSING });
  for (const port of [14000, 14001]) await host.run(`cat > /root/acme/${port}.json`, { input: CONFIG(port, port === 14001) });
  const started = await host.run(START);
  if (started.code !== 0) throw new Error(`pebble did not start: ${started.stderr}${started.stdout}`);
  const tell = async (path: string, body: unknown): Promise<void> => {
    const told = await host.run(`curl -fsS -d @- http://127.0.0.1:8055/${path}`, { input: JSON.stringify(body) });
    if (told.code !== 0) throw new Error(told.stderr);
  };
  return {
    orders: async () => Number((await host.run("journalctl -q -o cat -u 'pebble-*' | grep -c 'POST /order-plz'")).stdout),
    lie: async (name, address) => {
      await tell('clear-a', { host: `${name}.` });
      await tell('add-a', { host: `${name}.`, addresses: [address] });
    },
    refuse: async (answer) => {
      await host.run('cat > /root/acme/refuse.json', { input: JSON.stringify(answer) });
    },
  };
}
