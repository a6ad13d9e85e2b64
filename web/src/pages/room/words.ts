// Words of the room: devices and their problems, the line, who is where. For patients in やさしい日本語.
import type { StillView as HubStillView, Source } from '../../consult/hub.ts';
import type { Device, DeviceProblem, Grade } from '../../consult/index.ts';
import type { ParticipantView, PersonRole, Text } from '../../shared/hub.ts';

export const deviceName: Record<Device, Text> = {
  camera: { ja: 'カメラ', en: 'Camera' },
  microphone: { ja: 'マイク', en: 'Microphone' },
};

/** A still as it is shown: of something one can see. */
export type StillView = HubStillView & { source: Exclude<Source, 'microphone'> };

/** What a picture shows. */
export const pictureName: Record<Exclude<Source, 'microphone'>, Text> = {
  camera: { ja: 'カメラ', en: 'Camera' },
  screen: { ja: '画面', en: 'Screen' },
  camera2: { ja: '2台目のカメラ', en: 'Second camera' },
};
/** Why the screen or a second camera could not be shown; a choice that was called off needs no words. */
export const shownProblem: Partial<Record<DeviceProblem, Text>> = {
  missing: {
    ja: '2台目のカメラが見つかりません。つないでから、もう一度選んでください。',
    en: 'No second camera was found. Connect one, then choose it again.',
  },
  busy: {
    ja: 'そのカメラは、別のアプリか1台目として使われています。',
    en: 'That camera is in use by another program, or as the first one.',
  },
  insecure: {
    ja: 'このアドレスでは映せません。https で始まるアドレスで開いてください。',
    en: 'This works only at an address that begins with https.',
  },
  ended: { ja: '2台目のカメラが外れました。', en: 'The second camera was disconnected.' },
  other: { ja: '映せませんでした。もう一度試してください。', en: 'It could not be shown. Try again.' },
};

/** What happened to a device and what to do. */
export const deviceProblem: Record<DeviceProblem, Record<Device, Text>> = {
  denied: {
    camera: {
      ja: 'カメラの使用が許可されていません。アドレスの左の印を押して「許可」にし、「もう一度」を押してください。',
      en: 'The camera is not allowed. Press the mark left of the address, choose “Allow”, then “Again”.',
    },
    microphone: {
      ja: 'マイクの使用が許可されていません。アドレスの左の印を押して「許可」にし、「もう一度」を押してください。',
      en: 'The microphone is not allowed. Press the mark left of the address, choose “Allow”, then “Again”.',
    },
  },
  missing: {
    camera: {
      ja: 'カメラが見つかりません。つないで「もう一度」を押すか、声だけで参加してください。',
      en: 'No camera was found. Connect one and press “Again”, or join with voice only.',
    },
    microphone: {
      ja: 'マイクが見つかりません。つないで「もう一度」を押してください。',
      en: 'No microphone was found. Connect one and press “Again”.',
    },
  },
  busy: {
    camera: {
      ja: 'カメラを別のアプリが使っています。そのアプリを閉じて「もう一度」を押してください。',
      en: 'Another program uses the camera. Close it and press “Again”.',
    },
    microphone: {
      ja: 'マイクを別のアプリが使っています。そのアプリを閉じて「もう一度」を押してください。',
      en: 'Another program uses the microphone. Close it and press “Again”.',
    },
  },
  insecure: {
    camera: {
      ja: 'このアドレスではカメラを使えません。https で始まるアドレスで開いてください。',
      en: 'The camera cannot be used at this address. Open the one that begins with https.',
    },
    microphone: {
      ja: 'このアドレスではマイクを使えません。https で始まるアドレスで開いてください。',
      en: 'The microphone cannot be used at this address. Open the one that begins with https.',
    },
  },
  ended: {
    camera: {
      ja: 'カメラが外れました。つなぎ直して「もう一度」を押してください。',
      en: 'The camera was disconnected. Connect it and press “Again”.',
    },
    microphone: {
      ja: 'マイクが外れました。つなぎ直して「もう一度」を押してください。',
      en: 'The microphone was disconnected. Connect it and press “Again”.',
    },
  },
  other: {
    camera: { ja: 'カメラを始められませんでした。「もう一度」を押してください。', en: 'The camera could not be started. Press “Again”.' },
    microphone: {
      ja: 'マイクを始められませんでした。「もう一度」を押してください。',
      en: 'The microphone could not be started. Press “Again”.',
    },
  },
};

export const gradeName: Record<Grade, Text> = {
  good: { ja: '回線: 良い', en: 'Line: good' },
  fair: { ja: '回線: ふつう', en: 'Line: fair' },
  poor: { ja: '回線: 悪い', en: 'Line: poor' },
  lost: { ja: '回線: 切れています', en: 'Line: lost' },
  unknown: { ja: '回線: 測定中', en: 'Line: measuring' },
};
/** What the person can do about it. */
export const gradeAdvice: Record<Grade, Text> = {
  good: { ja: '映像も音声も問題なく届いています。', en: 'Picture and sound arrive well.' },
  fair: { ja: 'ときどき途切れることがあります。', en: 'There may be short gaps.' },
  poor: {
    ja: '途切れやすい状態です。Wi-Fi の近くに移るか、カメラを切ると声が届きやすくなります。',
    en: 'Expect gaps. Move closer to the Wi-Fi, or switch the camera off so that the voice gets through.',
  },
  lost: { ja: '自動でつなぎ直しています。このままお待ちください。', en: 'It reconnects by itself. Please wait.' },
  unknown: { ja: '測っています。', en: 'Measuring.' },
};

export const presenceName: Record<ParticipantView['presence'], Text> = {
  invited: { ja: 'まだ来ていません', en: 'Not here yet' },
  waiting: { ja: '待合室にいます', en: 'In the waiting room' },
  present: { ja: '参加中', en: 'In the room' },
  away: { ja: '席を外しています', en: 'Away' },
};

/** How a person is called in the room: `患者`, `医師・島の病院`. */
export const placeOf = (person: { role: PersonRole; organizationName: string }, roleName: string): string =>
  person.organizationName ? `${roleName}・${person.organizationName}` : roleName;
