// The people and places of the demonstration. All are invented; e-mail addresses are in domains that cannot exist.

export interface DemoPerson {
  key: string;
  role: 'doctor' | 'specialist' | 'caregiver' | 'manager' | 'maker';
  family: string;
  given: string;
  familyKana: string;
  givenKana: string;
  /** Key in ORGANIZATIONS. */
  at: string;
  email: string;
  /** What this person can do, for the table. */
  does: { ja: string; en: string };
}

export const ORGANIZATIONS = {
  island: { name: '青波島病院', nameEn: 'Aonami Island Hospital', institution: '4716100016', kind: 'prov' },
  university: { name: '本州大学病院', nameEn: 'Honshu University Hospital', institution: '1316100023', kind: 'prov' },
  home: { name: '介護施設 なぎさの家', nameEn: 'Care home Nagisa', institution: null, kind: 'prov' },
  maker: { name: 'みなとセンサー工業', nameEn: 'Minato Sensor Works', institution: null, kind: 'bus' },
} as const;

export const PEOPLE: DemoPerson[] = [
  {
    key: 'doctor',
    role: 'doctor',
    family: '山田',
    given: '太郎',
    familyKana: 'ヤマダ',
    givenKana: 'タロウ',
    at: 'island',
    email: 'yamada@island.example',
    does: { ja: '診察を開き、記録を書いて確定する', en: 'opens consultations, writes and signs the note' },
  },
  {
    key: 'specialist',
    role: 'specialist',
    family: '佐々木',
    given: '美咲',
    familyKana: 'ササキ',
    givenKana: 'ミサキ',
    at: 'university',
    email: 'sasaki@university.example',
    does: { ja: '島の医師の診察に加わり、助言する', en: 'joins the island doctor’s consultation from the mainland' },
  },
  {
    key: 'caregiver',
    role: 'caregiver',
    family: '鈴木',
    given: '花子',
    familyKana: 'スズキ',
    givenKana: 'ハナコ',
    at: 'home',
    email: 'suzuki@nagisa.example',
    does: { ja: 'フロアを見守り、知らせを受けて結果を書く', en: 'watches the floor, takes alerts, records what came of them' },
  },
  {
    key: 'manager',
    role: 'manager',
    family: '高橋',
    given: '健',
    familyKana: 'タカハシ',
    givenKana: 'ケン',
    at: 'home',
    email: 'takahashi@nagisa.example',
    does: { ja: '機器と、見守れていない人を確かめる', en: 'sees devices and who is not covered' },
  },
  {
    key: 'maker',
    role: 'maker',
    family: '伊藤',
    given: '誠',
    familyKana: 'イトウ',
    givenKana: 'マコト',
    at: 'maker',
    email: 'ito@minato.example',
    does: { ja: '機器を登録し、送った値の合否を見る', en: 'registers devices and sees the verdict on what they send' },
  },
];

export const PATIENT_TABLE_TEXT = { ja: '今日の診察を確かめ、医師と話す', en: 'sees today’s appointment and talks with the doctor' };
export const ADMINISTRATOR_TEXT = { ja: 'ハブの状態、人、配送、監査を見る', en: 'sees the hub’s state, people, deliveries and audit' };

/** Residents of the care home: family, given, kana of both, birth date, gender, what helps this person. The first one is the demonstration's patient. */
export const RESIDENTS: [string, string, string, string, string, 'male' | 'female', string][] = [
  ['田中', 'ハナ', 'タナカ', 'ハナ', '1941-03-12', 'female', '海の写真を一緒に見る。窓ぎわの席が落ち着く。'],
  ['中村', '正雄', 'ナカムラ', 'マサオ', '1938-07-25', 'male', '漁の話を聞く。'],
  ['小林', 'ヨシ', 'コバヤシ', 'ヨシ', '1939-11-03', 'female', '手をにぎり、ゆっくり名前を呼ぶ。'],
  ['加藤', '勇', 'カトウ', 'イサム', '1944-01-18', 'male', 'ラジオの音楽をつける。'],
  ['吉田', 'キミ', 'ヨシダ', 'キミ', '1937-05-30', 'female', '温かいお茶を出す。'],
  ['山本', '清', 'ヤマモト', 'キヨシ', '1942-09-09', 'male', '一緒に廊下を歩く。'],
  ['松本', 'フミ', 'マツモト', 'フミ', '1940-12-21', 'female', '編み物の道具を渡す。'],
  ['井上', '武', 'イノウエ', 'タケシ', '1945-04-02', 'male', '部屋の明かりを少し落とす。'],
  ['木村', 'サチ', 'キムラ', 'サチ', '1936-08-15', 'female', '家族の写真を見る。'],
  ['林', '茂', 'ハヤシ', 'シゲル', '1943-02-27', 'male', '将棋盤を出す。'],
  ['清水', 'トシ', 'シミズ', 'トシ', '1938-10-06', 'female', '童謡を歌う。'],
  ['森', '栄一', 'モリ', 'エイイチ', '1941-06-19', 'male', '新聞を読む時間をつくる。'],
];

/** One resident's name and facts; beyond the twelve written ones they are numbered. */
export function residentAt(index: number): (typeof RESIDENTS)[number] {
  return RESIDENTS[index] ?? ['見守り', `${index + 1}号`, 'ミマモリ', 'ゴウ', '1940-01-01', index % 2 ? 'male' : 'female', ''];
}

/** Number on the insurance card of a resident, as the record keeps it: insurer, symbol, number, branch. */
export const insuredNumber = (index: number) => `47130012:青波:${10_001 + index}:01`;
/** 医籍登録番号 of the demonstration's doctors. */
export const registrationNumber = (person: DemoPerson): string | undefined =>
  ({ doctor: '412345', specialist: '398765' })[person.key as string];

/** Who can sign in by card in the demonstration: the residents as patients, the doctors as clinicians. */
export function signInsOf(world: { residents: unknown[] }) {
  const certificate = { certificateSerial: '4A:7D:01', certificateNotAfter: '2030-03-31T15:00:00Z' };
  return {
    patients: world.residents.slice(0, 12).map((_, index) => {
      const [family, given, , , birthdate, gender] = residentAt(index);
      const [insurer, symbol, number, branch] = insuredNumber(index).split(':');
      const hint = `初めてのときに入れる番号: 保険者番号 ${insurer}、記号 ${symbol}、番号 ${number}、枝番 ${branch}`;
      return { id: `resident-${index}`, name: `${family} ${given}`, birthdate, gender, hint };
    }),
    clinicians: PEOPLE.flatMap(person => {
      const medicalRegistrationNumber = registrationNumber(person);
      const name = `${person.family} ${person.given}`;
      return medicalRegistrationNumber
        ? [{ id: person.key, name, medicalRegistrationNumber, hcRole: 'Medical Doctor', ...certificate }]
        : [];
    }),
  };
}

/** Devices of each resident's room, by profile. */
export const RESIDENT_PROFILES = ['bed', 'wrist', 'room', 'door', 'toilet'] as const;

/** Devices beside those of every room: a call button at each bed, and for the first resident what the nurse measures. */
export const furtherProfiles = (index: number): readonly string[] =>
  index === 0 ? ['call-button', 'blood-pressure', 'spo2'] : ['call-button'];
