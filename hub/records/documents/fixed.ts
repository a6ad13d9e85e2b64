// What is confirmed does not change: a correction is a new version that names the one before (安全管理ガイドライン 6.0).
import type { Resource } from '@medplum/fhirtypes';
import { Problem } from '../../http/problem.ts';
import type { Actor } from '../../identity/actor.ts';

/** @throws Problem 409 when the stored resource belongs to a confirmed document and the actor is no part of the hub that looks after them */
export function mustNotBeConfirmed(stored: Resource | null, actor: Actor): void {
  if (!stored || !confirmed(stored)) return;
  if (actor.kind === 'service' && (actor.name === 'documents' || actor.name === 'setup')) return;
  throw new Problem(409, 'document-confirmed', {
    ja: '確定した文書は、変えることも消すこともできません。「訂正する」から、新しい版を書いてください。',
    en: 'A confirmed document can neither be changed nor deleted. Use “Correct” to write a new version.',
  });
}

function confirmed(resource: Resource): boolean {
  switch (resource.resourceType) {
    case 'Bundle':
      return resource.type === 'document';
    case 'Composition':
      return ['final', 'amended', 'entered-in-error'].includes(resource.status);
    case 'DocumentReference':
      return resource.docStatus === 'final' && resource.content.some(({ attachment }) => attachment.url?.startsWith('Bundle/'));
    case 'Provenance':
      return (resource.signature?.length ?? 0) > 0;
    default:
      return false;
  }
}
