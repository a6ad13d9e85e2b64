// A document as a page shows it: words by section, versions, signature, timestamp and delivery, each checked when it is read.
import type { X509Certificate } from 'node:crypto';
import type { Bundle, Coding, CompositionSection, Provenance } from '@medplum/fhirtypes';
import { hasRole, type Person } from '../../identity/actor.ts';
import type { Database } from '../../store/index.ts';
import { kanjiName } from '../names.ts';
import type { OpenRecords } from '../open.ts';
import { INDICATION } from '../systems.ts';
import type { DocumentView, SectionView, StampView } from './contract.ts';
import { deliveryView, tablesOf } from './deliveries.ts';
import { blocksOf } from './narrative.ts';
import { attestationOf, kindOf, namedBy, readDocument, relatedIds, versionsOf } from './read.ts';
import { checkSignature, type SignatureTrust } from './signature.ts';
import { checkStamp, TOKEN_FORMAT } from './timestamp.ts';

export interface ViewDeps {
  records: OpenRecords;
  database: Database;
  trust: SignatureTrust;
  /** Authorities of timestamps. */
  stampAuthorities: X509Certificate[];
}

/** @throws Problem 404, 403 */
export async function documentView(
  { records, database, trust, stampAuthorities }: ViewDeps,
  actor: Person,
  id: string,
): Promise<DocumentView> {
  const document = await readDocument(records, actor, id);
  const { reference, bundle, composition } = document;
  const tables = tablesOf(database);
  const [provenances, versions, replies, delivery, stampRow] = await Promise.all([
    records.as(actor).search<Provenance>(`Provenance?target=DocumentReference/${id}&_count=20`),
    versionsOf(records, actor, reference),
    namedBy(records, actor, id, 'appends'),
    tables.selectFrom('deliveries').selectAll().where('document', '=', id).executeTakeFirst(),
    tables.selectFrom('document_stamps').select(['state', 'problem']).where('document', '=', id).executeTakeFirst(),
  ]);
  const own = provenances.find(provenance => !sourceOf(provenance));
  const source = provenances.map(sourceOf).find(Boolean) ?? null;
  // What was taken over is signed as it was there: the original, which is kept beside.
  const signedBundle = source ? await originalOf(records, actor, provenances) : bundle;
  const signature = await checkSignature(signedBundle, signedBundle.signature, trust);
  const token = own?.signature?.find(({ sigFormat }) => sigFormat === TOKEN_FORMAT)?.data;
  const signed = bundle.signature?.data ?? '';
  const stamp: StampView = token
    ? checkStamp(Buffer.from(token, 'base64'), signed, stampAuthorities)
    : { state: stampRow?.state === 'waiting' ? 'waiting' : 'none', at: null, authority: null, reason: null };
  const attested = attestationOf(document);
  const kind = kindOf(reference) ?? 'other';
  const current = versions.at(-1)?.id === id;
  const clinician = hasRole(actor, ['doctor', 'specialist']) && actor.reference !== null;
  const mine = reference.authenticator?.reference === actor.reference;
  const treats = clinician && hasRole(actor, ['doctor', 'specialist'], reference.custodian?.reference?.split('/')[1]);
  return {
    id,
    kind,
    title: reference.description ?? composition.title,
    identifier: bundle.identifier?.value ?? '',
    patient: {
      id: reference.subject?.reference?.split('/')[1] ?? '',
      name: kanjiName(attested.patient?.name),
      birthDate: attested.patient?.birthDate ?? null,
    },
    author: attested.author,
    confirmer: attested.confirmer,
    confirmedAt: attested.confirmedAt,
    proxy: attested.confirmer !== null && attested.confirmer !== attested.author,
    organization: attested.organization,
    version: attested.version,
    current,
    versions: versions.map((version, index) => ({
      id: version.id,
      version: `${index + 1}.0`,
      at: version.date ?? '',
      by: version.id === id ? (attested.confirmer ?? attested.author) : '',
      current: index === versions.length - 1,
    })),
    reason: own?.reason?.[0]?.text ?? null,
    sections: (composition.section ?? []).map(sectionView),
    signature,
    stamp,
    delivery: delivery ? deliveryView(delivery) : null,
    source,
    withheld: (reference.meta?.tag?.find(({ system }: Coding) => system === INDICATION)?.code as DocumentView['withheld']) ?? null,
    repliesTo: relatedIds(reference, 'appends')[0] ?? null,
    replies: replies.map(reply => ({ id: reply.id, by: '', at: reply.date ?? '' })),
    may: {
      amend: kind !== 'other' && current && clinician && (mine || treats),
      reply: kind === 'request' && current && clinician && !mine,
    },
  };
}

function sectionView(section: CompositionSection): SectionView {
  return {
    title: section.title ?? section.code?.text ?? section.code?.coding?.[0]?.display ?? '',
    code: section.code?.coding?.[0]?.code ?? null,
    blocks: blocksOf(section.text?.div),
    sections: (section.section ?? []).map(sectionView),
  };
}

/** Where a Provenance says that something was taken over from; null for what was written here. */
export function sourceOf(provenance: Provenance): DocumentView['source'] {
  const source = provenance.entity?.find(({ role }) => role === 'source');
  return source ? { name: source.what.display ?? source.what.identifier?.system ?? '', at: provenance.recorded } : null;
}

async function originalOf(records: OpenRecords, actor: Person, provenances: Provenance[]): Promise<Bundle> {
  const address = provenances.flatMap(({ entity }) => entity ?? []).find(({ role }) => role === 'source')?.what.reference;
  const { data } = await records.as(actor).read('Binary', address?.replace('Binary/', '') ?? '');
  return JSON.parse(Buffer.from(data ?? '', 'base64').toString('utf8')) as Bundle;
}
