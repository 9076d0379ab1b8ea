import type { Host } from './harness.js';

/** An authority of the test's own on a host, with a DNS that says what it is told. */
export interface Pebble {
  /** How many certificates were asked for so far. */
  orders(): Promise<number>;
  /** What the authority is told of a name's address. */
  lie(name: string, address: string): Promise<void>;
  /** CAA records of a name, as the authority sees them. */
  caa(name: string, issuer: string): Promise<void>;
}

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
printf 'subjectAltName=DNS:localhost' > ext
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out server.pem 2>/dev/null
cp ca.pem /etc/ssl/acme.pem
ip route add unreachable 192.0.2.1 2>/dev/null || true
systemd-run --quiet --unit challtestsrv pebble-challtestsrv -defaultIPv4 127.0.0.1 -defaultIPv6 '' -dns01 127.0.0.1:8053 -http01 '' -https01 '' -tlsalpn01 '' -management 127.0.0.1:8055
for port in 14000 14001; do
  systemd-run --quiet --unit "pebble-$port" --setenv PEBBLE_VA_NOSLEEP=1 --setenv PEBBLE_WFE_NONCEREJECT=0 pebble -config "/root/acme/$port.json" -dnsserver 127.0.0.1:8053
done
for port in 14000 14001; do
  for _ in $(seq 100); do curl -so /dev/null --cacert ca.pem "https://localhost:$port/dir" && break; sleep 0.1; done
done
curl -s --cacert ca.pem https://localhost:15000/roots/0 > /root/issuer.pem
`;

/** Starts pebble at port 14000, and at 14001 one that wants an account (kid-1); both come to port 80 of the host. */
export async function startPebble(host: Host): Promise<Pebble> {
  await host.run('mkdir -p /root/acme');
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
    caa: (name, issuer) => tell('add-caa', { host: `${name}.`, policies: [{ tag: 'issue', value: issuer }] }),
  };
}
