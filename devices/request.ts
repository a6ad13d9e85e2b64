// A device's own key and its request for a certificate (PKCS#10, RFC 2986): the private key never leaves the device.
import { Pkcs10CertificateRequestGenerator } from './x509.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/**
 * Makes a new key (EC P-256) and the request for it.
 * @param name Common name, the MQTT user name; the hub takes the name of who asks, whatever stands here.
 * @returns PEM: `key` is PKCS#8.
 */
export async function newRequest(name: string): Promise<{ csr: string; key: string }> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const request = await Pkcs10CertificateRequestGenerator.create({ name: [{ CN: [name] }], keys, signingAlgorithm: ALGORITHM });
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const key = `-----BEGIN PRIVATE KEY-----\n${der.match(/.{1,64}/g)?.join('\n')}\n-----END PRIVATE KEY-----\n`;
  return { csr: `${request.toString('pem').trim()}\n`, key };
}
