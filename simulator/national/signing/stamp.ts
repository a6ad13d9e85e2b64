// The timestamp authority: a TimeStampReq in, a TimeStampResp out (RFC 3161), its token a CMS SignedData (RFC 5652) with signingCertificateV2 (RFC 5816).
import { createHash, randomBytes, sign } from 'node:crypto';
import {
  Attribute,
  CertificateChoices,
  CertificateSet,
  ContentInfo,
  DigestAlgorithmIdentifiers,
  EncapsulatedContent,
  EncapsulatedContentInfo,
  IssuerAndSerialNumber,
  SignedData,
  SignerIdentifier,
  SignerInfo,
  SignerInfos,
} from '@peculiar/asn1-cms';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { PKIStatus, PKIStatusInfo, TimeStampReq, TimeStampResp, TimeStampToken, TSTInfo, TSTInfoVersion } from '@peculiar/asn1-tsp';
import { AlgorithmIdentifier, Certificate } from '@peculiar/asn1-x509';
import type { Issued } from './authority.ts';

const SHA256 = '2.16.840.1.101.3.4.2.1';
const ECDSA_SHA256 = '1.2.840.10045.4.3.2';
const TST_INFO = '1.2.840.113549.1.9.16.1.4';
const SIGNED_DATA = '1.2.840.113549.1.7.2';
const POLICY = '1.3.6.1.4.1.99999.1';

const der = (value: unknown) => new Uint8Array(AsnConvert.serialize(value)).buffer;
const octets = (bytes: Uint8Array) => new OctetString(new Uint8Array(bytes));
const exact = (bytes: Uint8Array) => new Uint8Array(bytes).buffer;

/** The answer to a request, DER; a rejection for what is no request with a SHA-256 digest. */
export function answerStamp(request: Uint8Array, authority: Issued, now: Date): Buffer {
  let asked: TimeStampReq;
  try {
    asked = AsnConvert.parse(request, TimeStampReq);
    if (asked.messageImprint.hashAlgorithm.algorithm !== SHA256 || asked.messageImprint.hashedMessage.byteLength !== 32)
      throw new Error('hash');
  } catch {
    return Buffer.from(AsnConvert.serialize(new TimeStampResp({ status: new PKIStatusInfo({ status: PKIStatus.rejection }) })));
  }
  const info = new TSTInfo({
    version: TSTInfoVersion.v1,
    policy: POLICY,
    messageImprint: asked.messageImprint,
    serialNumber: exact(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    genTime: now,
    ordering: false,
    ...(asked.nonce ? { nonce: asked.nonce } : {}),
  });
  const content = new Uint8Array(AsnConvert.serialize(info));
  const own = new Uint8Array(authority.certificate.rawData);
  const certificate = AsnConvert.parse(own, Certificate);
  // SigningCertificateV2 with one ESSCertIDv2 of the default hash: SEQUENCE { SEQUENCE { SEQUENCE { OCTET STRING } } }.
  const hash = createHash('sha256').update(own).digest();
  const named = Buffer.concat([Buffer.from([0x30, 0x26, 0x30, 0x24, 0x30, 0x22, 0x04, 0x20]), hash]);
  const attributes = [
    new Attribute({ attrType: '1.2.840.113549.1.9.3', attrValues: [exact(Buffer.from('060b2a864886f70d0109100104', 'hex'))] }),
    new Attribute({ attrType: '1.2.840.113549.1.9.4', attrValues: [der(octets(createHash('sha256').update(content).digest()))] }),
    new Attribute({ attrType: '1.2.840.113549.1.9.16.2.47', attrValues: [exact(named)] }),
  ];
  const signer = new SignerInfo({
    version: 1,
    sid: new SignerIdentifier({
      issuerAndSerialNumber: new IssuerAndSerialNumber({
        issuer: certificate.tbsCertificate.issuer,
        serialNumber: certificate.tbsCertificate.serialNumber,
      }),
    }),
    digestAlgorithm: new AlgorithmIdentifier({ algorithm: SHA256 }),
    signedAttrs: attributes,
    signatureAlgorithm: new AlgorithmIdentifier({ algorithm: ECDSA_SHA256 }),
    signature: octets(Buffer.alloc(1)),
  });
  // What is signed is the SET OF these attributes (tag 0x31), which stand in SignerInfo under the tag [0]: DER sorts a set.
  const set = sorted(attributes.map(attribute => Buffer.from(AsnConvert.serialize(attribute))));
  signer.signedAttrs = set.map(bytes => AsnConvert.parse(new Uint8Array(bytes), Attribute));
  signer.signature = octets(sign('sha256', wrapped(0x31, Buffer.concat(set)), { key: authority.key, dsaEncoding: 'der' }));
  const signed = new SignedData({
    version: 3,
    digestAlgorithms: new DigestAlgorithmIdentifiers([new AlgorithmIdentifier({ algorithm: SHA256 })]),
    encapContentInfo: new EncapsulatedContentInfo({
      eContentType: TST_INFO,
      eContent: new EncapsulatedContent({ single: octets(content) }),
    }),
    ...(asked.certReq ? { certificates: new CertificateSet([new CertificateChoices({ certificate })]) } : {}),
    signerInfos: new SignerInfos([signer]),
  });
  const token = new ContentInfo({ contentType: SIGNED_DATA, content: der(signed) });
  const response = new TimeStampResp({
    status: new PKIStatusInfo({ status: PKIStatus.granted }),
    timeStampToken: new TimeStampToken({ contentType: token.contentType, content: token.content }),
  });
  return Buffer.from(AsnConvert.serialize(response));
}

const sorted = (parts: Buffer[]) => [...parts].sort(Buffer.compare);

/** A DER value with its tag and length (short, or long in two bytes). */
function wrapped(tag: number, body: Buffer): Buffer {
  const length = body.length < 128 ? [body.length] : body.length < 256 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}
