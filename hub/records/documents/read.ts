// A document as it stands in the record: its DocumentReference, its Bundle, and how the versions of it hang together.
import type { Bundle, Composition, DocumentReference, Organization, Patient, Practitioner, Resource } from '@medplum/fhirtypes';
import { notFound } from '../../http/problem.ts';
import type { Actor } from '../../identity/actor.ts';
import { kanjiName } from '../names.ts';
import type { OpenRecords } from '../open.ts';
import { DOCUMENT_KIND } from '../systems.ts';
import { versionIn } from './attest.ts';
import type { DocumentKind } from './contract.ts';

type With<T> = T & { id: string };

export interface ReadDocument {
  reference: With<DocumentReference>;
  bundle: With<Bundle>;
  composition: Composition;
  /** The resource of the Bundle that a reference in it points at. */
  within<T extends Resource>(reference: string | undefined): T | undefined;
}

/** Versions of one document; more would be a fault. */
const MOST_VERSIONS = 50;

/** @throws Problem 404, 403 */
export async function readDocument(records: OpenRecords, actor: Actor, id: string): Promise<ReadDocument> {
  const view = records.as(actor);
  const reference = await view.read('DocumentReference', id);
  const bundleId = /^Bundle\/(.+)$/.exec(reference.content[0]?.attachment.url ?? '')?.[1];
  if (!bundleId) throw notFound();
  const bundle = await view.read('Bundle', bundleId);
  const composition = bundle.entry?.[0]?.resource;
  if (composition?.resourceType !== 'Composition') throw notFound();
  const byAddress = new Map((bundle.entry ?? []).map(entry => [entry.fullUrl, entry.resource]));
  return {
    reference: reference as With<DocumentReference>,
    bundle: bundle as With<Bundle>,
    composition,
    within: <T extends Resource>(address: string | undefined) => (address ? (byAddress.get(address) as T | undefined) : undefined),
  };
}

/** The kind that this hub gave a document; null for one from elsewhere. */
export const kindOf = (reference: DocumentReference): DocumentKind | null =>
  (reference.category?.flatMap(concept => concept.coding ?? []).find(({ system }) => system === DOCUMENT_KIND)?.code as DocumentKind) ??
  null;

/** Ids of the DocumentReferences that this one stands to in this way. */
export const relatedIds = (reference: DocumentReference, code: 'replaces' | 'appends'): string[] =>
  (reference.relatesTo ?? []).flatMap(related => {
    const id = /^DocumentReference\/(.+)$/.exec(related.target.reference ?? '')?.[1];
    return related.code === code && id ? [id] : [];
  });

/** DocumentReferences that name this one so: its later versions, its replies. */
export async function namedBy(
  records: OpenRecords,
  actor: Actor,
  id: string,
  code: 'replaces' | 'appends',
): Promise<With<DocumentReference>[]> {
  const found = await records
    .as(actor)
    .search<DocumentReference>(`DocumentReference?relatesto=DocumentReference/${id}&_count=${MOST_VERSIONS}`);
  return (found as With<DocumentReference>[]).filter(reference => relatedIds(reference, code).includes(id));
}

/** All versions of a document that the actor may see, the oldest first. */
export async function versionsOf(
  records: OpenRecords,
  actor: Actor,
  reference: With<DocumentReference>,
): Promise<With<DocumentReference>[]> {
  const versions = [reference];
  for (let [before] = relatedIds(reference, 'replaces'); before && versions.length < MOST_VERSIONS; ) {
    // A version that the actor may not see ends the chain for them; that it exists is not told.
    const [found] = await records.as(actor).search<DocumentReference>(`DocumentReference?_id=${before}`);
    if (!found) break;
    versions.unshift(found as With<DocumentReference>);
    [before] = relatedIds(found, 'replaces');
  }
  for (let last = reference; versions.length < MOST_VERSIONS; ) {
    const [next] = await namedBy(records, actor, last.id, 'replaces');
    if (!next) break;
    versions.push(next);
    last = next;
  }
  return versions;
}

/** Who wrote, who confirmed and when, as the document itself says: the three elements. */
export function attestationOf({ composition, within }: ReadDocument) {
  const practitioner = (reference: string | undefined) => {
    const found = within<Practitioner>(reference);
    return found?.resourceType === 'Practitioner' ? kanjiName(found.name) : null;
  };
  const attester = composition.attester?.find(({ mode, party }) => mode === 'professional' && party?.reference);
  const confirmer = practitioner(attester?.party?.reference);
  const author = composition.author.map(({ reference }) => practitioner(reference)).find(Boolean) ?? confirmer ?? '—';
  return {
    author,
    confirmer,
    confirmedAt: attester?.time ?? composition.date,
    organization: within<Organization>(composition.custodian?.reference)?.name ?? '',
    patient: within<Patient>(composition.subject?.reference),
    version: versionIn(composition),
  };
}
