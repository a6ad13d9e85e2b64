// What a device can watch: a resident, or a place of the facility (from FHIR Location).
import type { Location } from '@medplum/fhirtypes';
import { api } from '../../shared/api.ts';
import type { CoverageView } from '../../shared/hub.ts';
import { t } from '../../shared/i18n.svelte.ts';

export interface Subject {
  value: string;
  label: string;
}

/** Places of the facility; none when the hub does not let them be listed. */
export async function places(facility: string): Promise<Subject[]> {
  try {
    const bundle = await api.get<{ entry?: { resource?: Location }[] }>(
      `/fhir/R4/Location?organization=Organization/${facility}&_count=200`,
    );
    return (bundle.entry ?? []).flatMap(({ resource }) =>
      resource?.id
        ? [{ value: `Location/${resource.id}`, label: t({ ja: `場所: ${resource.name ?? ''}`, en: `Place: ${resource.name ?? ''}` }) }]
        : [],
    );
  } catch {
    return [];
  }
}

export const residentsOf = (view: CoverageView): Subject[] =>
  view.residents.map(one => ({ value: `Patient/${one.patient}`, label: `${one.room} ${one.name}` }));
