// The home model on disk: `model.json` says what its networks are, `weights.bin` holds their numbers one after the other (float32, little endian).
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Platt } from '../calibration.ts';
import type { Scaling } from '../scaling.ts';
import type { LeadModel } from './learn.ts';
import type { Member } from './member.ts';
import type { Candidate, Knows } from './sets.ts';

export interface HomeModel {
  name: string;
  version: string;
  /** Each lead twice: with the labels given before, and without them. */
  leads: Pick<LeadModel, 'lead' | 'knows' | 'spanScorer' | 'members' | 'platt' | 'chosen' | 'tried'>[];
}

interface StoredMember {
  candidate: Candidate;
  share: number;
  scaling: Scaling;
  /** Numbers in each array of weights. */
  lengths: number[];
}

interface Stored {
  form: 'tihm-home-2';
  name: string;
  version: string;
  leads: {
    lead: number;
    knows: Knows;
    spanScorer: { scaling: Scaling; weights: number[]; bias: number };
    platt: Platt;
    chosen: string;
    tried: LeadModel['tried'];
    members: StoredMember[];
  }[];
}

/** Writes the folder. */
export function saveHomeModel(folder: string, model: HomeModel): void {
  mkdirSync(folder, { recursive: true });
  const arrays = model.leads.flatMap(({ members }) => members.flatMap(({ weights }) => weights));
  const stored: Stored = {
    form: 'tihm-home-2',
    name: model.name,
    version: model.version,
    leads: model.leads.map(({ lead, knows, spanScorer, platt, chosen, tried, members }) => ({
      lead,
      knows,
      spanScorer: { scaling: spanScorer.scaling, weights: [...spanScorer.linear.weights], bias: spanScorer.linear.bias },
      platt,
      chosen,
      tried: tried.map(one => ({ name: one.name, auprc: Number(one.auprc.toPrecision(4)) })),
      members: members.map(({ candidate, share, scaling, weights }) => ({
        candidate,
        share,
        scaling,
        lengths: weights.map(({ length }) => length),
      })),
    })),
  };
  writeFileSync(path.join(folder, 'model.json'), `${JSON.stringify(stored)}\n`);
  writeFileSync(
    path.join(folder, 'weights.bin'),
    Buffer.concat(arrays.map(one => Buffer.from(one.buffer, one.byteOffset, one.byteLength))),
  );
}

/** @throws Error when the folder holds no home model or a broken one. */
export function readHomeModel(folder: string): HomeModel {
  const file = path.join(folder, 'model.json');
  if (!existsSync(file)) throw new Error(`There is no model in ${folder}. Train one: npm run train -- home --data DIR`);
  const stored = JSON.parse(readFileSync(file, 'utf8')) as Stored;
  if (stored.form !== 'tihm-home-2')
    throw new Error(
      `The model in ${folder} is not one for homes in TIHM's form; give models/home or another folder that npm run train -- home wrote.`,
    );
  const bytes = readFileSync(path.join(folder, 'weights.bin'));
  const numbers = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  let offset = 0;
  const leads = stored.leads.map(({ members, spanScorer: { scaling, weights, bias }, ...lead }) => ({
    ...lead,
    spanScorer: { scaling, linear: { weights: Float64Array.from(weights), bias } },
    members: members.map(
      ({ lengths, ...member }): Member => ({
        ...member,
        weights: lengths.map(length => {
          offset += length;
          return numbers.slice(offset - length, offset);
        }),
      }),
    ),
  }));
  if (offset !== numbers.length) throw new Error(`weights.bin in ${folder} does not belong to its model.json.`);
  return { name: stored.name, version: stored.version, leads };
}
