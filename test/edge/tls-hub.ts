// A TLS broker in the hub's place: knows gateways by certificates of an authority made for the test, and answers requests for new ones.
import { X509Certificate as NodeCertificate } from 'node:crypto';
import { createServer, type TLSSocket } from 'node:tls';
import { Aedes, type Client } from 'aedes';
import { gatewayDevicesTopic, gatewayTopic, identityUri, parseTopic, parseUsername } from '../../devices/index.ts';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  PemConverter,
  Pkcs10CertificateRequest,
  type PublicKey,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '../../devices/x509.ts';

const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY = 86_400_000;
let serial = 1;

export interface TestAuthority {
  caPem: string;
  /** With a new key. */
  issue(commonName: string, days: number): Promise<{ cert: string; key: string }>;
  server(): Promise<{ cert: string; key: string }>;
  sign(publicKey: PublicKey, commonName: string, days: number): Promise<string>;
}

export async function testAuthority(): Promise<TestAuthority> {
  const keys = await crypto.subtle.generateKey(P256, true, ['sign', 'verify']);
  const ca = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=Authority of the test',
    notAfter: new Date(Date.now() + 3650 * DAY),
    signingAlgorithm: P256,
    keys,
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
  });
  const make = async (
    publicKey: PublicKey | CryptoKey,
    commonName: string,
    days: number,
    extensions: (ExtendedKeyUsageExtension | SubjectAlternativeNameExtension)[],
  ) => {
    const certificate = await X509CertificateGenerator.create({
      serialNumber: (++serial).toString(16).padStart(4, '0'),
      subject: [{ CN: [commonName] }],
      issuer: ca.subject,
      notBefore: new Date(Date.now() - 3_600_000 + serial * 1000),
      notAfter: new Date(Date.now() + days * DAY),
      publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: P256,
      extensions,
    });
    return certificate.toString('pem');
  };
  const withKey = async (commonName: string, days: number, extensions: (ExtendedKeyUsageExtension | SubjectAlternativeNameExtension)[]) => {
    const own = await crypto.subtle.generateKey(P256, true, ['sign', 'verify']);
    return {
      cert: await make(own.publicKey, commonName, days, extensions),
      key: PemConverter.encode(await crypto.subtle.exportKey('pkcs8', own.privateKey), PemConverter.PrivateKeyTag),
    };
  };
  /** The user name as the hub writes it into the alternative name. */
  const client = (name: string) => [
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
    new SubjectAlternativeNameExtension([{ type: 'url', value: identityUri(parseUsername(name) as Parameters<typeof identityUri>[0]) }]),
  ];
  return {
    caPem: ca.toString('pem'),
    issue: (commonName, days) => withKey(shortened(commonName), days, client(commonName)),
    server: () => withKey('localhost', 90, [new SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }])]),
    sign: (publicKey, commonName, days) => make(publicKey, shortened(commonName), days, client(commonName)),
  };
}

/** As the hub does: 64 characters at most (RFC 5280, appendix A.1). */
const shortened = (name: string) => (name.length <= 64 ? name : name.slice(name.lastIndexOf('/') + 1));

/** `answer` makes the PEM for a request; null leaves it unanswered. `refuses` names serial numbers that are not let in. */
export async function startTlsHub({
  facility,
  authority,
  answer,
}: {
  facility: string;
  authority: TestAuthority;
  answer?: (request: Pkcs10CertificateRequest) => Promise<string | null>;
}) {
  const signedIn: { username: string | undefined; commonName: string; serial: string; password: boolean }[] = [];
  const requests: Pkcs10CertificateRequest[] = [];
  const refused = new Set<string>();
  const packs: string[] = [];
  const peers = new WeakMap<Client, TLSSocket>();
  const aedes = await Aedes.createBroker({
    authenticate(client, username, password, done) {
      const { subject, serialNumber } = peers.get(client)!.getPeerCertificate();
      if (refused.has(serialNumber)) return done(Object.assign(new Error('revoked'), { returnCode: 5 }), false);
      signedIn.push({ username, commonName: String(subject.CN), serial: serialNumber, password: Boolean(password?.length) });
      done(null, true);
    },
    authorizePublish(_client, packet, done) {
      const topic = parseTopic(packet.topic);
      if (topic?.kind === 'device') packs.push(packet.topic);
      if (topic?.kind === 'gateway' && topic.channel === 'csr') {
        const request = new Pkcs10CertificateRequest(packet.payload.toString());
        requests.push(request);
        void answer?.(request).then(pem => pem && publish(gatewayTopic(facility, 'certificate'), pem));
      }
      done();
    },
  });
  const publish = (topic: string, payload: string, retain = false) =>
    aedes.publish({ cmd: 'publish', topic, payload: Buffer.from(payload), qos: 1, retain, dup: false }, () => {});
  const sockets = new Set<TLSSocket>();
  const server = createServer(
    { ...(await authority.server()), ca: authority.caPem, requestCert: true, rejectUnauthorized: true },
    socket => {
      sockets.add(socket);
      peers.set(aedes.handle(socket), socket);
    },
  );
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  publish(gatewayDevicesTopic(facility), '[]', true);
  const { port } = server.address() as { port: number };
  return {
    url: `mqtts://127.0.0.1:${port}`,
    signedIn,
    requests,
    refused,
    packs,
    publish,
    drop() {
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>(resolve => aedes.close(() => resolve()));
      await new Promise(resolve => server.close(resolve));
    },
  };
}

/** Serial number of the first certificate of a PEM text, as TLS says it. */
export const serialOf = (pem: string) => new NodeCertificate(pem.slice(pem.indexOf('-----BEGIN CERTIFICATE'))).serialNumber;
