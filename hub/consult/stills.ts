// Stills of a consultation: taken where the picture is made, at its full resolution, proved by their hash, and kept as FHIR Media.
import { createHash, randomUUID } from 'node:crypto';
import type { WithId } from '@medplum/core';
import type { Media } from '@medplum/fhirtypes';
import { type Context, Hono } from 'hono';
import { z } from 'zod';
import { checked, giveFile, type HubEnv, notFound, Problem, readUpload } from '../http/index.ts';
import { resourceId } from '../http/request.ts';
import { type Person, service } from '../identity/actor.ts';
import type { Records } from '../records/records.ts';
import { OWN } from '../records/systems.ts';
import type { FileStore } from '../store/index.ts';
import { CONSULTATION, type Consultations } from './consultations.ts';
import type { Source, StillView } from './contract.ts';
import { notInRoom, tooMany } from './problems.ts';
import type { Here, Room } from './room.ts';

/** Identifier of a Media by its content: SHA-256, hexadecimal. */
const CONTENT_SYSTEM = `${OWN}:sha-256`;
/** A 4K picture as PNG is some 20 MB. */
export const STILL_BYTES = 32 * 1024 * 1024;
const TYPES = ['image/jpeg', 'image/png'];
/** How long a page may take to send what it was asked for, ms; and how many may be awaited in one room. */
const WITHIN_MS = 60_000;
const AWAITED = 12;

interface Awaited {
  encounter: string;
  of: { reference: string; source: Source };
  until: number;
}

export interface StillDeps {
  records: Records;
  consultations: Consultations;
  files: FileStore;
  publicUrl: string;
  /** The live room of an Encounter, if there is one. */
  room(encounter: string): Room | undefined;
  now?: () => number;
}

export interface Stills {
  /** Asks the page of the person whose picture it is to take it. Answers the still's name until it is kept. @throws Problem 403, 409, 429 */
  ask(room: Room, by: Here, of: { reference: string; source: Source }): string;
  routes: Hono<HubEnv>;
}

export function openStills({ records, consultations, files, publicUrl, room, now = Date.now }: StillDeps): Stills {
  const awaited = new Map<string, Awaited>();
  const forgetOld = () => {
    for (const [still, { until }] of awaited) if (until < now()) awaited.delete(still);
  };

  /** The content is what its sender says it is (RFC 9530, Content-Digest), so that a doctor decides on the picture that was taken. */
  function proven(context: Context, content: Buffer): { sha256: string; sha1: string } {
    const sum = createHash('sha256').update(content);
    const told = /sha-256=:([A-Za-z0-9+/=]{44}):/.exec(context.req.header('content-digest') ?? '')?.[1];
    const sha256 = sum.digest('hex');
    if (told !== Buffer.from(sha256, 'hex').toString('base64')) throw altered();
    return { sha256, sha1: createHash('sha1').update(content).digest('base64') };
  }

  async function mediaOf(actor: Person, encounter: string, search = ''): Promise<WithId<Media>[]> {
    await consultations.view(actor, encounter);
    return records.as(actor).search<Media>(`Media?encounter=Encounter/${encounter}${search}&_sort=-created&_count=200`);
  }

  const routes = new Hono<HubEnv>()
    .get('/:encounter', async context => {
      const found = await mediaOf(context.var.actor, checked(resourceId, context.req.param('encounter')));
      return context.json(found.map(stillOf));
    })
    .get('/:encounter/:hash', async context => {
      const hash = checked(z.string().regex(/^[0-9a-f]{64}$/), context.req.param('hash'));
      const encounter = checked(resourceId, context.req.param('encounter'));
      const [media] = await mediaOf(context.var.actor, encounter, `&identifier=${CONTENT_SYSTEM}|${hash}`);
      const kept = media && (await files.find(hash));
      if (!kept) throw notFound();
      return giveFile(context, {
        content: await files.open(hash),
        type: kept.type,
        size: kept.size,
        name: media.content.title,
        inline: true,
      });
    })
    .post('/:encounter/:still', async context => {
      const { actor } = context.var;
      forgetOld();
      const still = checked(z.uuid(), context.req.param('still'));
      const wanted = awaited.get(still);
      if (!wanted || wanted.encounter !== context.req.param('encounter') || wanted.of.reference !== actor.reference) throw notWanted();
      awaited.delete(still);
      const live = room(wanted.encounter);
      if (!live) throw notInRoom();
      const { content, type } = await readUpload(context, { types: TYPES, limit: STILL_BYTES });
      const { sha256, sha1 } = proven(context, content);
      const { width, height } = checked(Size, { width: context.req.query('width'), height: context.req.query('height') });
      await files.put(content, { type, limit: STILL_BYTES });
      const taken = new Date(now()).toISOString();
      // A patient's page may take it, and has no right of its own to write into the record: the room writes it down.
      const media = await records.as(service('consult')).create<Media>({
        resourceType: 'Media',
        status: 'completed',
        identifier: [{ system: CONTENT_SYSTEM, value: sha256 }],
        type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/media-type', code: 'image', display: 'Image' }] },
        subject: { reference: `Patient/${live.patient}` },
        encounter: { reference: `Encounter/${wanted.encounter}` },
        createdDateTime: taken,
        issued: taken,
        operator: { reference: actor.reference, display: actor.name },
        deviceName: wanted.of.source,
        width,
        height,
        frames: 1,
        content: {
          contentType: type,
          size: content.byteLength,
          hash: sha1,
          creation: taken,
          title: `still-${taken.replace(/[-:]|\.\d+/g, '')}.${type === 'image/png' ? 'png' : 'jpg'}`,
          url: `${publicUrl}/api/consult/stills/${wanted.encounter}/${sha256}`,
        },
      });
      await records.audit({ actor, action: 'create', what: CONSULTATION, patient: live.patient, allowed: true });
      const view = stillOf(media);
      live.tellInside('', 'still', view);
      return context.json(view, 201);
    });

  return {
    routes,
    ask(live, by, of) {
      forgetOld();
      if ([...awaited.values()].filter(each => each.encounter === live.id).length >= AWAITED) throw tooMany();
      live.mayPoint(by);
      const still = randomUUID();
      if (!live.tellOne(of.reference, 'stillWanted', { still, source: of.source })) throw notInRoom();
      awaited.set(still, { encounter: live.id, of, until: now() + WITHIN_MS });
      return still;
    },
  };
}

const Size = z.object({ width: z.coerce.number().int().min(1).max(8192), height: z.coerce.number().int().min(1).max(8192) });

const stillOf = (media: WithId<Media>): StillView => ({
  id: media.id,
  reference: media.operator?.reference ?? '',
  name: media.operator?.display ?? '',
  source: (media.deviceName ?? 'camera') as Source,
  taken: media.createdDateTime ?? '',
  width: media.width ?? 0,
  height: media.height ?? 0,
  url: new URL(media.content.url ?? '', 'http://hub').pathname,
});

const altered = () =>
  new Problem(422, 'content-altered', {
    ja: '届いた画像が、撮ったものと違います。もう一度撮ってください。',
    en: 'What arrived is not the picture that was taken (Content-Digest). Take it again.',
  });
const notWanted = () =>
  new Problem(409, 'still-not-wanted', {
    ja: 'この静止画は頼まれていません。診察室で、もう一度撮ってください。',
    en: 'Nobody asked for this still, or it came too late. Take it again in the room.',
  });
