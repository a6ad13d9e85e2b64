// What patients decide, as rows: every provision of their Consents with its place in the tree, permits as well as denials; and the summary.
import { type Kysely, sql } from 'kysely';

/**
 * One row for each provision of an active Consent. `parent` is the provision it is nested in; everything that the outer ones demand is
 * already in its own row, so an inner row can only be narrower. `parties` holds one list for each level that names somebody: whoever is
 * meant stands in all of them. `named` is the union of these, for the index. `grants` marks a permit with no denial around it.
 *
 * Medicine, allergies, diseases and vaccinations become a category of their own (`summary`): what an emergency needs, and no more.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table patient_provisions (
      source bigint not null references resources on delete cascade,
      node int not null,
      parent int,
      patient text not null,
      effect text check (effect in ('permit', 'deny')),
      grants boolean not null,
      parties jsonb not null,
      named text[] not null,
      categories text[],
      purposes text[],
      since timestamptz,
      until timestamptz
    );
    create index patient_provisions_since on patient_provisions (since) where since is not null;
    create index patient_provisions_until on patient_provisions (until) where until is not null;
    create index patient_relations_until on patient_relations (until) where until is not null;
    create index patient_provisions_source on patient_provisions (source, parent);
    create index patient_provisions_patient on patient_provisions (patient);
    create index patient_provisions_named on patient_provisions using gin (named) where grants;

    insert into patient_provisions (source, node, patient, effect, grants, parties, named, categories, since, until)
      select source, row_number() over (partition by source), patient, 'deny', false,
        case when party is null then '[]'::jsonb else jsonb_build_array(jsonb_build_array(party)) end,
        case when party is null then '{}'::text[] else array[party] end,
        case when category is null then null else array[category] end, since, until
      from patient_denials;
    drop table patient_denials;

    update resources set category = 'summary'
      where type in ('AllergyIntolerance', 'Condition', 'MedicationRequest', 'MedicationStatement', 'Immunization');
  `.execute(db);
}
