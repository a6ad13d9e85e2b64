// 確定: a document becomes part of the record with its signature and its provenance, replaces the version before it, and goes on its way.
import type {
  Bundle,
  Coding,
  Composition,
  DocumentReference,
  Identifier,
  Organization,
  Practitioner,
  Provenance,
} from '@medplum/fhirtypes';
import { sql } from 'kysely';
import { service } from '../../identity/actor.ts';
import { kanjiName } from '../names.ts';
import { GuardedRepository } from '../repository.ts';
import { tokyoTime } from '../search/dates.ts';
import { DOCUMENT_KIND, MEDICAL_REGISTRATION_NUMBER } from '../systems.ts';
import type { DocumentKind } from './contract.ts';
import { type Purpose, signBundle } from './signature.ts';
import type { Signer } from './signer.ts';

type With<T> = T & { id: string };

/** A document that is written and not yet part of the record. */
export interface Sealing {
  kind: DocumentKind;
  /** As people call it; the Composition's own title is the guide's. */
  title: string;
  patient: string;
  encounter: string | null;
  /** References as in the record. */
  composition: With<Composition>;
  bundle: Bundle;
  documentId: string;
  bundleId: string;
  author: With<Practitioner>;
  confirmer: With<Practitioner>;
  from: With<Organization>;
  confirmedAt: Date;
  tag: Coding[];
  /** DocumentReference id of the version it replaces, that one's Bundle identifier, and why it was corrected. */
  replaces: { document: string; identifier: string; reason: string } | null;
  /** DocumentReference id of the request it answers. */
  repliesTo: string | null;
  /** Whether the shared platform takes such documents. */
  platform: boolean;
}

export interface SealDeps {
  /** Missing: documents stay unsigned. */
  signer?: Signer;
  /** Whether a timestamp authority is configured. */
  stamping?: boolean;
}

const ROLES = 'http://terminology.hl7.org/CodeSystem/provenance-participant-type';
const OPERATIONS = 'http://terminology.hl7.org/CodeSystem/v3-DataOperation';

/** Signs before the transaction, so that it holds no locks while a card answers. @throws Problem of the signer */
export async function signSealing({ signer }: SealDeps, sealing: Sealing): Promise<Sealing> {
  if (!signer) return sealing;
  const { confirmer, author, bundle, confirmedAt } = sealing;
  const registration = confirmer.identifier?.find(({ system }) => system === MEDICAL_REGISTRATION_NUMBER)?.value ?? null;
  const purposes: Purpose[] = [
    confirmer.id === author.id ? 'author' : 'verification',
    ...(sealing.replaces ? (['addendum'] as const) : []),
  ];
  const address = bundle.entry?.find(({ resource }) => resource?.resourceType === 'Practitioner' && resource.id === confirmer.id)?.fullUrl;
  const signature = await signBundle(signer, bundle, {
    who: { name: kanjiName(confirmer.name), registration },
    reference: address ?? `Practitioner/${confirmer.id}`,
    purposes,
    at: confirmedAt,
  });
  return { ...sealing, bundle: { ...bundle, signature } };
}

/** Writes the document in the transaction of `inside`, in the rights of who confirms it. */
export async function seal(deps: SealDeps, inside: GuardedRepository, sealing: Sealing): Promise<void> {
  const { composition, bundle, bundleId, documentId, encounter, replaces, tag } = sealing;
  await inside.create(encounter ? { ...composition, encounter: { reference: `Encounter/${encounter}` } } : composition, composition.id);
  await inside.create(tag.length ? { ...bundle, meta: { ...bundle.meta, tag } } : bundle, bundleId);
  await inside.create(documentReferenceOf(sealing), documentId);
  const provenance = await inside.create(provenanceOf(sealing));
  if (replaces) await supersede(inside, replaces.document);
  if (bundle.signature && deps.stamping) {
    await sql`insert into document_stamps (provenance, document, patient, next_attempt)
      values (${provenance.id}, ${documentId}, ${sealing.patient}, ${sealing.confirmedAt})`.execute(inside.connection);
    await sql`select pg_notify('document-stamps', '{}')`.execute(inside.connection);
  }
  if (sealing.platform) await queue(inside, sealing);
}

/** The version before stays as it is; only its DocumentReference says that it was replaced. */
async function supersede(inside: GuardedRepository, document: string): Promise<void> {
  // Within the same transaction, but not within the rights of who writes: it follows from what they did.
  const hub = new GuardedRepository(inside.context, service('documents'), { connection: inside.connection, refusals: [] });
  const former = (await hub.read('DocumentReference', document)) as With<DocumentReference>;
  await hub.update({ ...former, status: 'superseded' });
}

/** Puts the document into the outbox. What the platform has of the version before is deleted there first; what it never got is not sent any more. */
async function queue(inside: GuardedRepository, sealing: Sealing): Promise<void> {
  const { replaces, confirmer, confirmedAt } = sealing;
  const identifier = sealing.bundle.identifier!.value!;
  let former: string | null = null;
  if (replaces) {
    const before = await inside.connection
      .selectFrom('deliveries')
      .select(['id', 'state', 'step', 'replaces', 'identifier'])
      .where('document', '=', replaces.document)
      .forUpdate()
      .executeTakeFirst();
    // One that may be on its way is treated as there: deleting what is not there does no harm.
    if (before) {
      const never = before.state === 'refused' || before.state === 'given-up';
      former = never ? before.replaces : before.identifier;
      if (before.state !== 'delivered')
        await inside.connection
          .updateTable('deliveries')
          .set({ state: 'replaced', next_attempt: null })
          .where('id', '=', before.id)
          .execute();
    }
  }
  await inside.connection
    .insertInto('deliveries')
    .values({
      bundle: sealing.bundleId,
      identifier,
      document: sealing.documentId,
      title: sealing.title,
      patient: sealing.patient,
      author: `Practitioner/${confirmer.id}`,
      next_attempt: confirmedAt,
      problem: null,
      replaces: former,
      step: former ? 'delete' : 'register',
    })
    .execute();
  await sql`select pg_notify('outbox', '{}')`.execute(inside.connection);
}

function documentReferenceOf(sealing: Sealing): DocumentReference {
  const { author, confirmer, from, confirmedAt, title, replaces, repliesTo, encounter, tag } = sealing;
  const { type, language } = sealing.composition;
  return {
    resourceType: 'DocumentReference',
    ...(tag.length ? { meta: { tag } } : {}),
    masterIdentifier: sealing.bundle.identifier as Identifier,
    status: 'current',
    docStatus: 'final',
    type,
    category: [{ coding: [{ system: DOCUMENT_KIND, code: sealing.kind }] }],
    subject: { reference: `Patient/${sealing.patient}` },
    date: confirmedAt.toISOString(),
    author: [{ reference: `Practitioner/${author.id}` }, { reference: `Organization/${from.id}` }],
    authenticator: { reference: `Practitioner/${confirmer.id}` },
    custodian: { reference: `Organization/${from.id}` },
    ...(replaces || repliesTo
      ? {
          relatesTo: [
            ...(replaces ? [{ code: 'replaces' as const, target: { reference: `DocumentReference/${replaces.document}` } }] : []),
            ...(repliesTo ? [{ code: 'appends' as const, target: { reference: `DocumentReference/${repliesTo}` } }] : []),
          ],
        }
      : {}),
    description: title,
    content: [
      {
        attachment: {
          contentType: 'application/fhir+json',
          language,
          url: `Bundle/${sealing.bundleId}`,
          title,
          creation: tokyoTime(confirmedAt),
        },
      },
    ],
    ...(encounter ? { context: { encounter: [{ reference: `Encounter/${encounter}` }] } } : {}),
  };
}

function provenanceOf(sealing: Sealing): Provenance {
  const { author, confirmer, from, confirmedAt, replaces, bundle, tag } = sealing;
  const agent = (code: string, who: string) => ({
    type: { coding: [{ system: ROLES, code }] },
    who: { reference: who },
    onBehalfOf: { reference: `Organization/${from.id}` },
  });
  const target = [`DocumentReference/${sealing.documentId}`, `Bundle/${sealing.bundleId}`, `Composition/${sealing.composition.id}`];
  return {
    resourceType: 'Provenance',
    ...(tag.length ? { meta: { tag } } : {}),
    // The patient is named so that consent knows whose it is.
    target: [...target, `Patient/${sealing.patient}`].map(reference => ({ reference })),
    recorded: confirmedAt.toISOString(),
    ...(replaces ? { reason: [{ text: replaces.reason }] } : {}),
    activity: { coding: [{ system: OPERATIONS, code: replaces ? 'UPDATE' : 'CREATE' }] },
    agent: [agent('author', `Practitioner/${author.id}`), agent('verifier', `Practitioner/${confirmer.id}`)],
    ...(replaces ? { entity: [{ role: 'revision', what: { reference: `DocumentReference/${replaces.document}` } }] } : {}),
    ...(bundle.signature ? { signature: [bundle.signature] } : {}),
  };
}
