// The devices of the stand-in hub: the facility's, well and ill, a maker's on the bench, and a resident's limits of alarms.
import type { LimitsView } from '../../hub/alarms/contract.ts';
import type { CoverageView, DeviceHealth, DeviceView, HealthSign, RefusalView } from '../../hub/ingest/contract.ts';
import { type Ago, names, residentId, roomOf } from './world-facts.ts';

export function deviceFacts(ago: Ago) {
  const well: DeviceHealth = {
    ...{ worst: 'good', signs: [], connected: true, battery: 0.84, clockOffsetSeconds: 0.2, gaps: [] },
    sequence: { missing: 0, late: 4, resets: 1 },
  };
  const signs = {
    silent: {
      ...{ sign: 'silent', level: 'bad', since: ago(22) },
      text: { ja: 'データが届いていません。', en: 'No data arrives.' },
      action: { ja: '電源とケーブルをたしかめてください。', en: 'Check the power and the cable.' },
    },
    battery: {
      ...{ sign: 'battery-low', level: 'attention', since: ago(190) },
      text: { ja: '電池がのこりすくないです（12％）。', en: 'The battery is low (12 %).' },
      action: { ja: '電池をかえるか、充電してください。', en: 'Change or charge it.' },
    },
    refused: {
      ...{ sign: 'refused', level: 'attention', since: ago(9) },
      text: { ja: '受け取れないデータがありました。', en: 'Some of its data was refused.' },
      action: { ja: '下の「断られた理由」を機器の会社に見せてください。', en: 'Show the reasons below to the device’s maker.' },
    },
    never: {
      ...{ sign: 'never', level: 'bad', since: ago(400) },
      text: { ja: 'まだ一度も届いていません。', en: 'Nothing was ever heard from it.' },
      action: { ja: '機器に鍵を入れて、電源を入れてください。', en: 'Put its credentials into the device and switch it on.' },
    },
  } satisfies Record<string, HealthSign>;
  const ill = (worst: DeviceHealth['worst'], ...found: HealthSign[]): DeviceHealth => ({ ...well, worst, signs: found });
  const device = (name: string, profile: string, label: string, subject: number | null, more: Partial<DeviceView> = {}): DeviceView => ({
    device: name,
    facility: 'himawari',
    profile,
    profileName: { ja: label, en: label },
    subject: subject === null ? null : `Patient/${residentId(subject)}`,
    subjectName: subject === null ? null : names[subject]!,
    state: 'online',
    lastSample: ago(0.4),
    accepted: 12_480,
    refused: 0,
    createdAt: ago(40_000),
    revokedAt: null,
    health: more.revokedAt ? null : well,
    ...more,
  });
  const limits: LimitsView = {
    ...{ patient: 'r04', mayChange: true },
    limits: [
      {
        ...{ rule: 'heart-low', side: 'below', standard: 41, own: null, off: false, minimum: 20, maximum: 250 },
        text: { ja: '心拍がとても遅いです。', en: 'The heart beats very slowly.' },
        ...{ quantity: { ja: '心拍数', en: 'Heart rate' }, unit: { ja: '拍/分', en: 'beats/min' } },
      },
      {
        ...{ rule: 'heart-high', side: 'above', standard: 130, own: 110, off: false, minimum: 20, maximum: 250 },
        text: { ja: '心拍がとても速いです。', en: 'The heart beats very fast.' },
        ...{ quantity: { ja: '心拍数', en: 'Heart rate' }, unit: { ja: '拍/分', en: 'beats/min' } },
      },
    ],
  };
  const coverage: CoverageView = {
    facility: 'himawari',
    facilityName: '特別養護老人ホーム ひまわり',
    gateway: { connected: true, since: ago(9000), credential: 'certificate', certificateEnds: ago(-20 * 1440), renewAsked: false },
    changesAt: null,
    residents: names.map((name, index) => ({
      patient: residentId(index),
      name,
      room: roomOf(index),
      devices: 5,
      silent: index === 6 ? 4 : index === 10 ? 1 : 0,
      coveredSince: index === 6 ? null : ago(300),
      notCoveredSince: index === 6 ? ago(22) : null,
    })),
    devices: [
      device('bed-101', 'bed', 'ベッドセンサー', 0),
      device('room-101', 'room', '室内環境センサー', 0),
      device('bed-201', 'bed', 'ベッドセンサー', 6, {
        ...{ state: 'silent', lastSample: ago(22) },
        health: {
          ...ill('bad', signs.silent, signs.battery),
          ...{ connected: false, battery: 0.12, sequence: { missing: 37, late: 112, resets: 2 } },
          gaps: [
            { from: ago(1100), to: ago(1040) },
            { from: ago(410), to: ago(390) },
            { from: ago(22), to: ago(0) },
          ],
        },
      }),
      device('wrist-205', 'wrist', '腕時計型センサー', 10, {
        ...{ state: 'late', lastSample: ago(4), refused: 3 },
        health: ill('attention', signs.refused),
      }),
      device('door-spare', 'door', 'ドアセンサー', null, {
        ...{ state: 'never', lastSample: null, accepted: 0 },
        health: { ...ill('bad', signs.never), connected: null, battery: null, sequence: null },
      }),
      device('bed-099', 'bed', 'ベッドセンサー', null, { revokedAt: ago(9000) }),
    ],
  };
  const benchDevices = [
    device('bench-bed', 'bed', 'ベッドセンサー', null, { facility: 'kikai', refused: 2, accepted: 318 }),
    device('bench-room', 'room', '室内環境センサー', null, { facility: 'kikai', state: 'never', lastSample: null, accepted: 0 }),
  ];
  const refusals: RefusalView[] = [
    {
      at: ago(3),
      device: 'bench-bed',
      topic: 'care/1/kikai/bench-bed/json',
      reason: 'unit-wrong',
      text: { ja: 'heart_rate の単位が Hz です。beat/min で送ってください。', en: 'heart_rate has unit Hz; send beat/min.' },
      excerpt: '[{"bn":"bench-bed:","bt":1763800000,"n":"heart_rate","u":"Hz","v":1.1}]',
    },
    {
      at: ago(9),
      device: 'bench-bed',
      topic: 'care/1/kikai/bench-bed/json',
      reason: 'not-senml',
      text: { ja: 'SenML として読めません。', en: 'This is not SenML.' },
      excerpt: '{"heart_rate": 66}',
    },
  ];
  return { coverage, limits, benchDevices, refusals };
}
