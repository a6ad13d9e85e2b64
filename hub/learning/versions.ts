// Versions of a facility's calibration: proposed by a review, adopted, declined or restored by a person. One is in force, or the model as shipped.
import { sql } from 'kysely';
import { notFound, Problem } from '../http/problem.ts';
import type { Database } from '../store/index.ts';
import type { ModelVersionView } from './contract.ts';
import { AS_SHIPPED, type Recalibration } from './recalibrate.ts';

/** Notification {facility}: another version is in force. */
export const LEARNING_CHANNEL = 'model-versions';

/** What is in force at a facility. */
export interface Tuning extends Recalibration {
  /** Version as predictions carry it. */
  version: string;
}

interface Row {
  id: string;
  facility: string;
  base: string;
  version: string;
  slope: number;
  offset: number;
  figures: ModelVersionView['figures'];
  proposed_at: Date;
  state: Exclude<ModelVersionView['state'], 'shipped'>;
  decided_at: Date | null;
  decided_by: string | null;
}

const viewOf = (row: Row): ModelVersionView => ({
  id: row.id,
  version: row.version,
  state: row.state,
  proposedAt: row.proposed_at.toISOString(),
  decidedAt: row.decided_at?.toISOString() ?? null,
  decidedBy: row.decided_by,
  slope: row.slope,
  offset: row.offset,
  figures: row.figures,
});

/** The shipped model, as one more version to choose. */
export const shippedVersion = (base: string, inForce: boolean): ModelVersionView => ({
  id: null,
  version: base,
  state: inForce ? 'adopted' : 'shipped',
  proposedAt: null,
  decidedAt: null,
  decidedBy: null,
  ...AS_SHIPPED,
  figures: null,
});

/** Versions made for this shipped model, newest first. Those of another one do not fit it. */
export async function versionsOf(database: Database, facility: string, base: string): Promise<ModelVersionView[]> {
  const { rows } = await sql<Row>`
    select * from model_versions where facility = ${facility} and base = ${base} order by proposed_at desc, version desc limit 100`.execute(
    database.kysely,
  );
  return rows.map(viewOf);
}

/** What is in force by facility, for one shipped model; facilities without an entry use the model as shipped. */
export async function tuningsInForce(database: Database, base: string): Promise<Map<string, Tuning>> {
  const { rows } = await sql<Row>`select * from model_versions where base = ${base} and state = 'adopted'`.execute(database.kysely);
  return new Map(rows.map(({ facility, version, slope, offset }) => [facility, { version, slope, offset }]));
}

/** A proposal takes the place of one that nobody decided on. Returns the version's name. */
export async function propose(
  database: Database,
  proposal: { facility: string; base: string; calibration: Recalibration; figures: NonNullable<ModelVersionView['figures']>; at: Date },
): Promise<string> {
  const { facility, base, calibration, figures, at } = proposal;
  const day = at.toISOString().slice(0, 10).replaceAll('-', '');
  return database.kysely.transaction().execute(async transaction => {
    await sql`select pg_advisory_xact_lock(hashtext(${`model-versions ${facility}`}))`.execute(transaction);
    await sql`delete from model_versions where facility = ${facility} and state = 'proposed'`.execute(transaction);
    const { rows } = await sql<{ count: number }>`
      select count(*)::int as count from model_versions where facility = ${facility} and base = ${base}`.execute(transaction);
    const version = `${base}+${day}.${rows[0]!.count + 1}`;
    await sql`
      insert into model_versions (facility, base, version, slope, "offset", figures, proposed_at, state)
      values (${facility}, ${base}, ${version}, ${calibration.slope}, ${calibration.offset}, ${JSON.stringify(figures)}::jsonb, ${at}, 'proposed')`.execute(
      transaction,
    );
    return version;
  });
}

/**
 * Puts a proposed or former version in force; null restores the model as shipped. The one before stays and can be restored.
 * @throws Problem 404; 409 for a declined one
 */
export async function adopt(
  database: Database,
  choice: { facility: string; base: string; version: string | null; by: string; at: Date },
): Promise<void> {
  const { facility, base, version, by, at } = choice;
  await database.kysely.transaction().execute(async transaction => {
    await sql`select pg_advisory_xact_lock(hashtext(${`model-versions ${facility}`}))`.execute(transaction);
    if (version) {
      const { rows } = await sql<Row>`
        select * from model_versions where id = ${version}::uuid and facility = ${facility} and base = ${base}`.execute(transaction);
      if (!rows[0]) throw notFound();
      if (rows[0].state === 'declined') throw declined();
    }
    await sql`update model_versions set state = 'former' where facility = ${facility} and state = 'adopted'`.execute(transaction);
    if (version)
      await sql`
        update model_versions set state = 'adopted', decided_at = ${at}, decided_by = ${by} where id = ${version}::uuid`.execute(
        transaction,
      );
    await sql`select pg_notify(${LEARNING_CHANNEL}, ${JSON.stringify({ facility })})`.execute(transaction);
  });
}

/** @throws Problem 404 when it is no open proposal of this facility */
export async function decline(database: Database, choice: { facility: string; version: string; by: string; at: Date }): Promise<void> {
  const { facility, version, by, at } = choice;
  const { rows } = await sql`
    update model_versions set state = 'declined', decided_at = ${at}, decided_by = ${by}
    where id = ${version}::uuid and facility = ${facility} and state = 'proposed' returning id`.execute(database.kysely);
  if (!rows.length) throw notFound();
}

const declined = () =>
  new Problem(409, 'version-declined', {
    ja: 'この版は「使わない」と決められています。次の見直しを待ってください。',
    en: 'This version was declined. Wait for the next review.',
  });
