// What a backup says of itself: with which program it was made, what is in it, and how to know that all of it is there.
import { z } from 'zod';

const Part = z.object({
  /** Name in the archive, without the number of its pieces. */
  name: z.string(),
  /** Bytes. */
  size: z.number().int(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

export const Manifest = z.object({
  format: z.literal(1),
  /** ISO time of the database's snapshot. */
  made: z.string(),
  hub: z.string(),
  postgres: z.string(),
  influx: z.string().nullable(),
  /** Migrations that the database had, by area. */
  migrations: z.record(z.string(), z.array(z.string())),
  tables: z.array(
    Part.extend({
      table: z.string().regex(/^[a-zA-Z_][\w$]*$/),
      columns: z.array(z.string()),
      rows: z.number().int(),
    }),
  ),
  sequences: z.array(z.object({ name: z.string(), value: z.string().regex(/^-?\d+$/) })),
  /** The sample store's own backup. */
  samples: z.array(Part),
  /** Files below HUB_DATA; `mode` in octal. */
  files: z.array(Part.extend({ mode: z.number().int() })),
  /** False: made without encryption, and therefore without the hub's secrets. */
  secrets: z.boolean(),
  /** Tells whether HUB_SECRET is the one that the backup was made with; null where the secret is among the files. */
  secretCheck: z.string().nullable(),
});
export type Manifest = z.infer<typeof Manifest>;
export type Part = z.infer<typeof Part>;

export const MANIFEST = 'manifest.json';

/** An error whose words tell the person at the terminal what happened and what to do. */
export class BackupProblem extends Error {
  override name = 'BackupProblem';
}
