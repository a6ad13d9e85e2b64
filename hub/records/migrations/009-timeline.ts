// The lifelong timeline: what each resource of a patient is on it, kept by the database itself with every version, so that it is never behind.
import { type Kysely, sql } from 'kysely';

/**
 * `sort` and `grp` order the page: what is measured is one entry for each day, quantity and device, so all of it sorts as the first moment of its
 * day (Asia/Tokyo); everything else sorts by its own time. `words` is what a search in words looks at, folded (`timeline_fold`).
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create function timeline_fold(t text) returns text language sql immutable parallel safe as $$
      select lower(translate(normalize(t, NFKC),
        'ァアィイゥウェエォオカガキギクグケゲコゴサザシジスズセゼソゾタダチヂッツヅテデトドナニヌネノハバパヒビピフブプヘベペホボポマミムメモャヤュユョヨラリルレロヮワヰヱヲンヴヵヶ',
        'ぁあぃいぅうぇえぉおかがきぎくぐけげこごさざしじすずせぜそぞただちぢっつづてでとどなにぬねのはばぱひびぴふぶぷへべぺほぼぽまみむめもゃやゅゆょよらりるれろゎわゐゑをんゔゕゖ')) $$;

    create table timeline (
      row bigint not null references resources on delete cascade,
      patient text not null,
      sort timestamptz not null,
      grp text not null,
      at timestamptz not null,
      kind text not null,
      value double precision,
      words text not null,
      primary key (row, patient)
    );
    create index timeline_order on timeline (patient, sort desc, grp desc);

    create function timeline_kind(type text, content jsonb) returns text language sql immutable as $$
      select case type
        when 'Encounter' then case when content @? '$.type[*].coding[*] ? (@.code == "residence" && @.system == "urn:remote-care-hub:encounter-type")'
          then null else 'consultation' end
        when 'DocumentReference' then 'document'
        when 'QuestionnaireResponse' then 'document'
        when 'Observation' then case when content @? '$.category[*].coding[*] ? (@.code == "laboratory")' then 'result' else 'observation' end
        when 'DiagnosticReport' then 'result'
        when 'RiskAssessment' then case when content @? '$.meta.tag[*] ? (@.code == "hourly" && @.system == "urn:remote-care-hub:tag")' then null else 'risk' end
        when 'Communication' then case when content ? 'encounter' then null else 'communication' end
        when 'MedicationRequest' then 'medication'
        when 'MedicationStatement' then 'medication'
        when 'AllergyIntolerance' then 'allergy'
        when 'Condition' then 'condition'
        when 'Procedure' then 'procedure'
        when 'Immunization' then 'immunization'
        when 'CarePlan' then 'plan'
      end $$;

    create function timeline_moment(t text) returns timestamptz language sql stable as $$
      select case
        when t ~ '^\\d{4}$' then (t || '-01-01T00:00:00+09:00')::timestamptz
        when t ~ '^\\d{4}-\\d{2}$' then (t || '-01T00:00:00+09:00')::timestamptz
        when t ~ '^\\d{4}-\\d{2}-\\d{2}$' then (t || 'T00:00:00+09:00')::timestamptz
        when t ~ 'T.*(Z|[+-]\\d{2}:\\d{2})$' then t::timestamptz
        when t ~ 'T' then (t || '+09:00')::timestamptz
      end $$;

    create function timeline_put() returns trigger language plpgsql as $$
      declare
        kind text;
        at timestamptz;
        words text;
        sort timestamptz;
        grp text;
      begin
        if tg_op = 'UPDATE' then delete from timeline where row = new.row; end if;
        if new.deleted or new.content is null or new.patients = '{}' then return null; end if;
        kind := timeline_kind(new.type, new.content);
        if kind is null then return null; end if;
        begin
          at := timeline_moment(coalesce(
            new.content #>> '{effectivePeriod,start}', new.content ->> 'effectiveDateTime', new.content ->> 'effectiveInstant',
            new.content #>> '{period,start}', new.content ->> 'date', new.content ->> 'authoredOn', new.content ->> 'authored',
            new.content ->> 'occurrenceDateTime', new.content ->> 'performedDateTime', new.content #>> '{performedPeriod,start}',
            new.content ->> 'sent', new.content ->> 'onsetDateTime', new.content ->> 'recordedDate', new.content ->> 'dateAsserted',
            new.content ->> 'created', new.content ->> 'issued'));
        exception when others then at := null;
        end;
        at := coalesce(at, new.last_updated);
        if kind = 'observation' then
          sort := date_trunc('day', at, 'Asia/Tokyo');
          grp := concat_ws(' ', 'day', coalesce(new.content #>> '{code,coding,0,code}', new.content #>> '{code,text}'),
            new.content #>> '{valueQuantity,code}', new.content #>> '{device,display}', new.content #>> '{meta,source}',
            new.content #>> '{component,0,code,coding,0,code}');
          words := concat_ws(' ', new.content #>> '{code,text}', new.content #>> '{code,coding,0,display}', new.content #>> '{valueCodeableConcept,text}',
            new.content ->> 'valueString', new.content #>> '{note,0,text}', new.content #>> '{device,display}');
        else
          sort := at;
          grp := new.type || '/' || new.id;
          select string_agg(distinct piece #>> '{}', ' ') into words from (
            select jsonb_path_query(new.content, '$.**.text') union all select jsonb_path_query(new.content, '$.**.display')
            union all select jsonb_path_query(new.content, '$.**.title') union all select jsonb_path_query(new.content, '$.description')
            union all select jsonb_path_query(new.content, '$.**.contentString') union all select jsonb_path_query(new.content, '$.**.valueString')
            union all select jsonb_path_query(new.content, '$.**.rationale') union all select jsonb_path_query(new.content, '$.conclusion')
          ) every(piece) where jsonb_typeof(piece) = 'string';
        end if;
        insert into timeline (row, patient, sort, grp, at, kind, value, words)
          select new.row, patient, sort, grp, at, kind,
            case when jsonb_typeof(new.content #> '{valueQuantity,value}') = 'number' then (new.content #>> '{valueQuantity,value}')::double precision end,
            left(timeline_fold(coalesce(words, '')), 4000)
          from unnest(new.patients) patient;
        return null;
      end $$;
    create trigger timeline_put after insert or update on resources for each row execute function timeline_put();
    -- What is there already.
    update resources set deleted = deleted where timeline_kind(type, content) is not null;
  `.execute(db);
}
