// The rooms people can live in, as a choice: by floor, and who is there already.
import { t } from '../../shared/i18n.svelte.ts';
import type { Facility } from './residents.ts';

export interface RoomChoice {
  value: string;
  label: string;
  free: boolean;
}

export function roomChoices(view: Facility): RoomChoice[] {
  const livesIn = (room: string) =>
    view.residents.filter(one => one.encounter.location?.[0]?.location.reference === `Location/${room}`).map(one => one.name);
  return view.floors.flatMap(floor =>
    floor.rooms
      .filter(room => !room.shared)
      .map(room => {
        const names = livesIn(room.id);
        const who = names.length ? names.join('、') : t({ ja: 'あき', en: 'free' });
        return { value: room.id, label: `${floor.name} ${room.name} (${who})`, free: names.length === 0 };
      }),
  );
}
