// Timestamps by RFC 3161: a request to an authority, and what a token proves. A timestamp says that a signature existed then; nobody can date it back.
import { createHash, randomBytes, verify, X509Certificate } from 'node:crypto';
import { ContentInfo, id_signedData, SignedData, type SignerInfo } from '@peculiar/asn1-cms';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { id_ct_tstInfo, MessageImprint, PKIStatus, TimeStampReq, TimeStampReqVersion, TimeStampResp, TSTInfo } from '@peculiar/asn1-tsp';
import { AlgorithmIdentifier } from '@peculiar/asn1-x509';
import type { Text } from '../../http/problem.ts';
import type { StampView } from './contract.ts';
import { commonName, doubtOf } from './signature.ts';

/** IANA media type of a token (ETSI EN 319 422). */
export const TOKEN_FORMAT = 'application/vnd.etsi.timestamp-token';
const SHA256 = '2.16.840.1.101.3.4.2.1';
const CONTENT_TYPE = '1.2.840.113549.1.9.3';
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4';
/** signingCertificateV2 (RFC 5816). */
const SIGNING_CERTIFICATE = '1.2.840.113549.1.9.16.2.47';
/** Extended key usage of a timestamp authority (RFC 3161 section 2.3): this and no other. */
const TIME_STAMPING = '1.3.6.1.5.5.7.3.8';
const REQUEST_MS = 10_000;
/** How far the authority's clock may be from ours. */
const CLOCK_MS = 300_000;
const HASHES: Readonly<Record<string, string>> = {
  [SHA256]: 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
/** ecdsa-with-SHA256, -384, -512 and RSA with the same. */
const SIGNATURES: Readonly<Record<string, string>> = {
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
};

const digestOf = (hash: string, bytes: Uint8Array) => createHash(hash).update(bytes).digest();
const bytesOf = (buffer: ArrayBuffer) => Buffer.from(new Uint8Array(buffer));

export interface StampDeps {
  url: string;
  authorities: X509Certificate[];
  fetch?: typeof fetch;
  now?: () => Date;
}

/**
 * Asks the authority for a timestamp over `signature` (the bytes of Signature.data, base64 as it stands in the record).
 * @returns the token, DER
 * @throws Error saying why there is none: the authority is away, refuses, or its answer does not hold
 */
export async function requestStamp(
  signature: string,
  { url, authorities, fetch: ask = fetch, now = () => new Date() }: StampDeps,
): Promise<Buffer> {
  const nonce = randomBytes(8);
  // A positive INTEGER without a leading zero byte, so that it comes back as it went.
  nonce[0] = (nonce[0]! & 0x3f) | 0x40;
  const request = new TimeStampReq({
    version: TimeStampReqVersion.v1,
    messageImprint: new MessageImprint({
      hashAlgorithm: new AlgorithmIdentifier({ algorithm: SHA256, parameters: null }),
      hashedMessage: new OctetString(new Uint8Array(digestOf('sha256', Buffer.from(signature)))),
    }),
    nonce: new Uint8Array(nonce).buffer,
    certReq: true,
  });
  const answer = await ask(url, {
    method: 'POST',
    headers: { 'content-type': 'application/timestamp-query', accept: 'application/timestamp-reply' },
    body: new Uint8Array(AsnConvert.serialize(request)),
    signal: AbortSignal.timeout(REQUEST_MS),
  });
  if (!answer.ok) throw new Error(`the timestamp authority answered ${answer.status}`);
  const response = AsnConvert.parse(await answer.arrayBuffer(), TimeStampResp);
  const granted = response.status.status === PKIStatus.granted || response.status.status === PKIStatus.grantedWithMods;
  if (!granted || !response.timeStampToken) throw new Error(`the timestamp authority refused (status ${response.status.status})`);
  const token = Buffer.from(AsnConvert.serialize(response.timeStampToken));
  const read = readToken(token);
  if (!read.info.nonce || !bytesOf(read.info.nonce).equals(nonce)) throw new Error('the timestamp answers another request (nonce)');
  if (Math.abs(read.info.genTime.getTime() - now().getTime()) > CLOCK_MS)
    throw new Error('the clocks of hub and timestamp authority differ');
  const view = checkStamp(token, signature, authorities);
  if (view.state !== 'good') throw new Error(`the timestamp does not hold: ${view.reason?.en}`);
  return token;
}

interface Token {
  info: TSTInfo;
  content: Buffer;
  signer: SignerInfo;
  chain: X509Certificate[];
}

/** @throws Error when it is no timestamp token */
function readToken(token: Buffer): Token {
  const outer = AsnConvert.parse(new Uint8Array(token), ContentInfo);
  if (outer.contentType !== id_signedData) throw new Error('not signed data');
  const signed = AsnConvert.parse(outer.content, SignedData);
  const content = signed.encapContentInfo.eContent?.single;
  const [signer] = signed.signerInfos;
  if (signed.encapContentInfo.eContentType !== id_ct_tstInfo || !content || !signer || signed.signerInfos.length !== 1)
    throw new Error('not a timestamp token');
  const certificates = [...(signed.certificates ?? [])].flatMap(({ certificate }) =>
    certificate ? [new X509Certificate(Buffer.from(AsnConvert.serialize(certificate)))] : [],
  );
  const serial = signer.sid.issuerAndSerialNumber && bytesOf(signer.sid.issuerAndSerialNumber.serialNumber).toString('hex');
  const own = certificates.find(certificate => sameNumber(certificate.serialNumber, serial ?? ''));
  if (!own) throw new Error('the certificate of the authority is missing');
  const bytes = Buffer.from(content.buffer instanceof ArrayBuffer ? new Uint8Array(content.buffer) : []);
  return {
    info: AsnConvert.parse(bytes, TSTInfo),
    content: bytes,
    signer,
    chain: [own, ...certificates.filter(certificate => certificate !== own)],
  };
}

const sameNumber = (a: string, b: string) => a.toLowerCase().replace(/^0+/, '') === b.toLowerCase().replace(/^0+/, '');

const say = (ja: string, en: string): Text => ({ ja, en });

/**
 * What a token says about a signature: message imprint, the authority's signature over it (RFC 3161 section 2.4.2, RFC 5652 section 5.4), its
 * certificate (critical extended key usage timeStamping alone, named by signingCertificateV2) and who issued that. Never throws.
 */
export function checkStamp(token: Buffer, signature: string, authorities: X509Certificate[]): StampView {
  let read: Token;
  try {
    read = readToken(token);
  } catch {
    return { state: 'unsure', at: null, authority: null, reason: say('時刻の証明を読めません。', 'The timestamp cannot be read.') };
  }
  const [certificate] = read.chain;
  const named = { at: read.info.genTime.toISOString(), authority: commonName(certificate!.subject) };
  const changed = (ja: string, en: string): StampView => ({ ...named, state: 'changed', reason: say(ja, en) });
  const imprint = read.info.messageImprint;
  const hash = HASHES[imprint.hashAlgorithm.algorithm];
  if (!hash || !bytesOf(imprint.hashedMessage.buffer as ArrayBuffer).equals(digestOf(hash, Buffer.from(signature))))
    return changed('時刻の証明は、別の署名のものです。', 'The timestamp is of another signature.');
  if (!signatureHolds(read)) return changed('時刻の証明が変えられています。', 'The timestamp was changed.');
  const usage = certificate!.keyUsage;
  const doubt =
    usage?.length === 1 && usage[0] === TIME_STAMPING
      ? doubtOf(read.chain, authorities, read.info.genTime)
      : say('この機関の証明書は、時刻の証明のためのものではありません。', 'The certificate is not one of a timestamp authority.');
  return { ...named, state: doubt ? 'unsure' : 'good', reason: doubt };
}

function signatureHolds({ signer, content, chain }: Token): boolean {
  const attributes = signer.signedAttrs ?? [];
  const attribute = (type: string) => attributes.find(({ attrType }) => attrType === type)?.attrValues[0];
  const hash = HASHES[signer.digestAlgorithm.algorithm];
  const signed = attribute(MESSAGE_DIGEST);
  const kind = attribute(CONTENT_TYPE);
  const named = attribute(SIGNING_CERTIFICATE);
  if (!hash || !signed || !kind || !named) return false;
  if (!bytesOf(AsnConvert.parse(signed, OctetString).buffer as ArrayBuffer).equals(digestOf(hash, content))) return false;
  if (!bytesOf(named).includes(digestOf('sha256', chain[0]!.raw))) return false;
  // Signed as a SET OF, though they stand in the token under a tag of their own (RFC 5652 section 5.4). In DER what is read is written the same.
  const bytes = inSet(Buffer.concat(attributes.map(each => Buffer.from(AsnConvert.serialize(each)))));
  const algorithm = SIGNATURES[signer.signatureAlgorithm.algorithm] ?? hash;
  return verify(algorithm, bytes, chain[0]!.publicKey, bytesOf(signer.signature.buffer as ArrayBuffer));
}

/** A DER SET around what is given. */
function inSet(body: Buffer): Buffer {
  const size = body.length < 128 ? [body.length] : body.length < 256 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([0x31, ...size]), body]);
}
