// What an alert of lost cover says: plain words, no names.
import type { Text } from '../http/problem.ts';
import type { CoverChange } from './cover.ts';

/** For the carers: of one resident, of all behind the facility's gateway, or of all its devices. */
export function lossInWords({ loss, residents, gateway }: CoverChange): Text {
  if (loss.resident)
    return {
      ja: 'この人の機器からデータが届いていません。見守れていません。機器の電源をたしかめて、ようすを見に行ってください。',
      en: 'No data arrives from this person’s devices: nobody watches. Check the devices’ power and look in on the person.',
    };
  const people = {
    ja: `${residents}人を見守れていません。見回りをしてください。`,
    en: `${residents} ${residents === 1 ? 'resident is' : 'residents are'} not watched. Look in on them.`,
  };
  if (gateway)
    return {
      ja: `施設のゲートウェイからデータが届いていません。${people.ja}ゲートウェイの電源とインターネットをたしかめてください。`,
      en: `No data arrives from the facility’s gateway. ${people.en} Check the gateway’s power and the internet.`,
    };
  return {
    ja: `施設のどの機器からもデータが届いていません。${people.ja}施設のインターネットをたしかめてください。`,
    en: `No data arrives from any device of the facility. ${people.en} Check the facility’s internet.`,
  };
}
