// The gateway's page in the browser: shows each status that the gateway sends, in Japanese or English, and rings while nobody has seen to an alarm.
const WORDS = {
  ja: {
    gateway: 'ゲートウェイ',
    alarms: 'お知らせ',
    calm: '今、お知らせはありません。',
    connection: 'つながり',
    devices: '機器',
    history: '終わったお知らせ（24時間）',
    noHistory: 'ありません。',
    soundOff: '音を出す',
    soundOn: '音が出ます（止める）',
    acknowledge: '確認しました',
    seen: 'だれかが確認しました',
    going: 'まだ続いています。',
    over: '状態は元に戻りました。見に行ってください。',
    began: time => `${time} から`,
    until: time => `${time} まで`,
    done: '確認しました。',
    failed: '確認を送れませんでした。もう一度押してください。',
    wrongPin: '暗証番号が違います。もう一度入れてください。',
    manyTries: '暗証番号の間違いが多すぎます。1分待ってください。',
    pinTitle: '暗証番号を入れてください',
    pin: '暗証番号',
    ok: '確認',
    cancel: 'やめる',
    online: time => `ハブとつながっています（${time} から）。`,
    offline: time => `ハブとつながっていません（${time} から）。データはここに保存しています。機器のお知らせはこの画面に出ます。`,
    certificate: day => `証明書の期限: ${day}`,
    silent: 'ゲートウェイが応答しません。この画面は古いです。電源とネットワークを確かめてください。',
    queue: (packs, delivered) => `送信待ち ${packs} 件、送信済み ${delivered} 件。`,
    oldest: time => `一番古いもの: ${time}`,
    fullPacks: limit => `保存できる件数（${limit}）がいっぱいです。機器は送らずに待っています。ハブとのつながりを直してください。`,
    fullDisk: 'ディスクの空きが足りません。機器は送らずに待っています。ハブとのつながりを直すか、ディスクを空けてください。',
    fullFault: 'ディスクに書けません。機器は送らずに待っています。ディスクを調べてください。',
    noList: '機器の一覧をまだハブから受け取っていません。一度ハブにつなぐと、機器が使えるようになります。',
    noDevices: 'この施設の機器は、まだ登録されていません。ハブの画面で登録すると、ここに出ます。',
    columns: ['機器', '場所と種類', '接続', '最後のデータ', '電池', '時計のずれ', '拒否'],
    on: '接続中',
    off: '切断',
    clockGood: '正常',
    clockUnknown: '—',
    clockAhead: seconds => `${seconds}秒 進んでいます`,
    clockBehind: seconds => `${seconds}秒 遅れています`,
    corrected: '（直して送っています）',
  },
  en: {
    gateway: 'Gateway',
    alarms: 'Alarms',
    calm: 'No alarm now.',
    connection: 'Connection',
    devices: 'Devices',
    history: 'Alarms that are over (24 hours)',
    noHistory: 'None.',
    soundOff: 'Turn sound on',
    soundOn: 'Sound is on (turn off)',
    acknowledge: 'I have seen to it',
    seen: 'Someone has seen to it',
    going: 'It is still going on.',
    over: 'The reading is back within its limit. Please go and look.',
    began: time => `since ${time}`,
    until: time => `until ${time}`,
    done: 'Noted.',
    failed: 'This could not be sent. Press the button again.',
    wrongPin: 'The PIN is wrong. Enter it again.',
    manyTries: 'Too many wrong PINs. Wait a minute.',
    pinTitle: 'Enter the PIN',
    pin: 'PIN',
    ok: 'Confirm',
    cancel: 'Cancel',
    online: time => `Connected to the hub (since ${time}).`,
    offline: time => `No connection to the hub (since ${time}). Data is kept here. Alarms of devices appear on this page.`,
    certificate: day => `Certificate until ${day}`,
    silent: 'The gateway does not answer. This page is out of date. Check its power and the network.',
    queue: (packs, delivered) => `Waiting ${packs}, delivered ${delivered}.`,
    oldest: time => `The oldest: ${time}`,
    fullPacks: limit => `As many packs are kept as may be (${limit}). Devices hold theirs back. Restore the connection to the hub.`,
    fullDisk: 'The disk is nearly full. Devices hold their packs back. Restore the connection to the hub, or make room on the disk.',
    fullFault: 'The disk takes nothing. Devices hold their packs back. Check the disk.',
    noList: 'The list of devices has not come from the hub yet. Devices can sign in when the hub was reached once.',
    noDevices: 'No device of this facility is registered yet. Register one on the hub’s pages and it appears here.',
    columns: ['Device', 'Place and kind', 'Connection', 'Last data', 'Battery', 'Clock', 'Refused'],
    on: 'Online',
    off: 'Offline',
    clockGood: 'right',
    clockUnknown: '—',
    clockAhead: seconds => `${seconds} s ahead`,
    clockBehind: seconds => `${seconds} s behind`,
    corrected: ' (corrected)',
  },
};
/** The gateway says something every 15 s. */
const SILENT_AFTER = 40_000;
const RING_EVERY = 3000;
/** Tones of each kind, Hz: told apart without looking. */
const TONES = { fall: [880, 660, 880, 660], call: [660, 880], vital: [523, 523, 523] };

const get = id => document.getElementById(id);
const remembered = (key, fallback) => {
  try {
    return localStorage.getItem(key) ?? fallback;
  } catch {
    return fallback;
  }
};
const remember = (key, value) => {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Not kept; the page works all the same.
  }
};

let language = remembered('language', navigator.language.startsWith('ja') || !navigator.language ? 'ja' : 'en');
let status = null;
let heardAt = Date.now();
let lost = false;
const known = new Set();
const words = () => WORDS[language];
const other = () => (language === 'ja' ? 'en' : 'ja');

const locale = () => (language === 'ja' ? 'ja-JP' : 'en-GB');
function time(text) {
  const at = new Date(text);
  const today = at.toDateString() === new Date().toDateString();
  const clock = at.toLocaleTimeString(locale(), { hour: '2-digit', minute: '2-digit' });
  return today ? clock : `${at.toLocaleDateString(locale(), { month: 'short', day: 'numeric' })} ${clock}`;
}
function element(tag, text = '', attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function show() {
  document.documentElement.lang = language;
  document.title = words().gateway;
  for (const node of document.querySelectorAll('[data-say]')) node.textContent = words()[node.dataset.say];
  get('language').textContent = language === 'ja' ? 'English' : '日本語';
  get('language').lang = other();
  get('sound').textContent = ringing.on ? words().soundOn : words().soundOff;
  get('sound').setAttribute('aria-pressed', String(ringing.on));
  if (!status) return;
  get('facility').textContent = status.facility;
  showAlarms();
  showHub();
  showDevices();
}

const isOver = alarm => alarm.ended && alarm.acknowledged;
function showAlarms() {
  const open = status.alarms.filter(alarm => !isOver(alarm));
  const over = status.alarms.filter(isOver);
  // Nothing is said to be calm that nobody knows.
  get('calm').hidden = open.length > 0 || lost;
  const list = get('alarms');
  const before = new Map([...list.children].map(item => [item.dataset.id, item]));
  const items = open.map(alarm => fill(before.get(alarm.id) ?? newItem(alarm.id), alarm));
  // Only what has moved is moved: a button that is about to be pressed keeps its place and its focus.
  for (const item of before.values()) if (!items.includes(item)) item.remove();
  for (const [index, item] of items.entries()) if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
  get('history').replaceChildren(
    ...over.map(alarm => element('li', `${time(alarm.began)} – ${time(alarm.ended)} ${alarm.text[language]} ${where(alarm)}`)),
  );
  get('no-history').hidden = over.length > 0;
  const fresh = open.filter(alarm => !alarm.acknowledged && !known.has(`${alarm.id} ${alarm.raised}`));
  for (const alarm of fresh) known.add(`${alarm.id} ${alarm.raised}`);
  if (fresh.length) {
    get('announce').textContent = fresh.map(alarm => `${alarm.text[language]} ${where(alarm)}`).join(' ');
    get('said').textContent = '';
    ringing.now();
  }
}
function newItem(id) {
  const item = element('li', '', { 'data-id': id });
  item.append(
    element('div'),
    element('p', '', { class: 'where' }),
    element('p', '', { class: 'when' }),
    element('button', '', { type: 'button' }),
  );
  item.querySelector('button').addEventListener('click', () => void acknowledge(id));
  return item;
}
function fill(item, alarm) {
  item.className = alarm.acknowledged ? 'alarm seen' : 'alarm';
  const [head, place, when, button] = item.children;
  const otherText = element('span', alarm.text[other()], { class: 'other', lang: other() });
  head.replaceChildren(element('strong', alarm.text[language]), otherText);
  place.textContent = where(alarm);
  const measured = alarm.measured && `${alarm.measured.label[language]} ${alarm.measured.value} ${alarm.measured.unit[language]}`;
  const state = alarm.acknowledged ? `${words().seen}（${time(alarm.acknowledged)}）` : '';
  when.textContent = [measured, words().began(time(alarm.began)), state, alarm.ended ? words().over : words().going]
    .filter(Boolean)
    .join('　');
  button.textContent = words().acknowledge;
  button.setAttribute('aria-label', `${words().acknowledge}: ${alarm.text[language]} ${where(alarm)}`);
  button.hidden = Boolean(alarm.acknowledged);
  return item;
}
const where = ({ place, device, profileName }) => [place, profileName[language], device].filter(Boolean).join(' ・ ');

function showHub() {
  const { hub, queue, listKnown } = status;
  const certificate = hub.certificateUntil ? ` ${words().certificate(new Date(hub.certificateUntil).toLocaleDateString(locale()))}` : '';
  if (lost) say('hub', false, words().silent);
  else say('hub', hub.connected, (hub.connected ? words().online : words().offline)(time(hub.since)) + certificate);
  const full = { packs: words().fullPacks(queue.limit), disk: words().fullDisk, fault: words().fullFault }[queue.full];
  const oldest = queue.oldest && queue.packs ? ` ${words().oldest(time(queue.oldest))}` : '';
  say('queue', !full, full ?? words().queue(queue.packs, queue.delivered) + oldest);
  const none = !listKnown ? words().noList : status.devices.length ? '' : words().noDevices;
  get('no-devices').hidden = !none;
  get('no-devices').textContent = none;
  get('devices').hidden = Boolean(none);
}
function say(id, good, text) {
  const line = get(id);
  line.className = `state ${good ? 'good' : 'bad'}`;
  // Said again by a screen reader only when it is new.
  if (line.textContent !== text) line.textContent = text;
}

function showDevices() {
  const columns = words().columns;
  get('devices').setAttribute('role', 'table');
  get('devices').setAttribute('aria-label', words().devices);
  // Roles are said outright: on a phone the rows are shown as cards, and a browser would no longer take them for a table.
  get('columns').setAttribute('role', 'row');
  get('columns').replaceChildren(...columns.map(column => element('th', column, { scope: 'col', role: 'columnheader' })));
  const rows = status.devices.map(device => {
    const row = element('tr', '', { role: 'row' });
    const cells = [
      device.device,
      [device.place, device.profileName?.[language] ?? device.profile].filter(Boolean).join(' ・ '),
      device.connected ? words().on : words().off,
      device.lastPack ? time(device.lastPack) : '—',
      device.battery === null ? '—' : `${Math.round(device.battery * 100)} %`,
      clock(device),
      String(device.refused),
    ];
    const warn = [
      false,
      false,
      !device.connected,
      false,
      device.battery !== null && device.battery < 0.2,
      Math.abs(device.clockOffset ?? 0) > 2,
      device.refused > 0,
    ];
    for (const [index, text] of cells.entries()) {
      const cell = element(index ? 'td' : 'th', '', { 'data-column': columns[index], role: index ? 'cell' : 'rowheader' });
      if (!index) cell.scope = 'row';
      cell.append(element('span', text, warn[index] ? { class: 'warn' } : {}));
      row.append(cell);
    }
    return row;
  });
  get('devices').tBodies[0].setAttribute('role', 'rowgroup');
  get('devices').tHead.setAttribute('role', 'rowgroup');
  get('devices').tBodies[0].replaceChildren(...rows);
}
function clock({ clockOffset, clockCorrection }) {
  if (clockOffset === null) return words().clockUnknown;
  if (Math.abs(clockOffset) <= 2) return words().clockGood;
  const seconds = Math.abs(clockOffset).toFixed(Math.abs(clockOffset) < 10 ? 1 : 0);
  return (clockOffset > 0 ? words().clockBehind : words().clockAhead)(seconds) + (clockCorrection ? words().corrected : '');
}

/** The PIN that was right last, for this page only. */
let pin = '';
async function acknowledge(id) {
  if (status.pin && !pin && !(await askPin())) return;
  let answer;
  try {
    answer = await fetch(`alarms/${id}/acknowledge`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(pin ? { pin } : {}),
    });
  } catch {
    answer = null;
  }
  if (answer?.status === 403 || answer?.status === 429) pin = '';
  const text = { 204: words().done, 403: words().wrongPin, 429: words().manyTries }[answer?.status] ?? words().failed;
  get('said').textContent = text;
}
function askPin() {
  const dialog = get('pin-dialog');
  get('pin').value = '';
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise(resolve =>
    dialog.addEventListener(
      'close',
      () => {
        pin = dialog.returnValue === 'ok' ? get('pin').value : '';
        resolve(pin !== '');
      },
      { once: true },
    ),
  );
}

const ringing = {
  on: false,
  context: null,
  async toggle() {
    this.on = !this.on;
    if (this.on) {
      this.context ??= new AudioContext();
      await this.context.resume();
      this.play('call');
    }
    remember('sound', this.on ? 'on' : 'off');
    show();
  },
  /** A browser lets a page sound by itself only when it was told so; otherwise a person presses the button. */
  restore() {
    if (remembered('sound', 'off') !== 'on') return;
    this.context = new AudioContext();
    this.on = this.context.state === 'running';
  },
  now() {
    if (!this.on || !status) return;
    const waiting = status.alarms.filter(alarm => !alarm.acknowledged).map(({ kind }) => kind);
    const kind = ['fall', 'call', 'vital'].find(each => waiting.includes(each));
    if (kind) this.play(kind);
  },
  play(kind) {
    for (const [index, frequency] of TONES[kind].entries()) {
      const tone = this.context.createOscillator();
      const volume = this.context.createGain();
      const start = this.context.currentTime + index * 0.25;
      tone.frequency.value = frequency;
      volume.gain.setValueAtTime(0.25, start);
      volume.gain.exponentialRampToValueAtTime(0.001, start + 0.22);
      tone.connect(volume).connect(this.context.destination);
      tone.start(start);
      tone.stop(start + 0.24);
    }
  },
};

get('sound').addEventListener('click', () => void ringing.toggle());
get('language').addEventListener('click', () => {
  language = other();
  remember('language', language);
  show();
});
ringing.restore();
setInterval(() => ringing.now(), RING_EVERY);

let events = listen();
function listen() {
  const source = new EventSource('events');
  source.addEventListener('message', ({ data }) => {
    status = JSON.parse(data);
    heardAt = Date.now();
    lost = false;
    show();
  });
  return source;
}
setInterval(() => {
  // Refused once, a browser does not come back by itself.
  if (events.readyState === EventSource.CLOSED) events = listen();
  if (Date.now() - heardAt < SILENT_AFTER) return;
  lost = true;
  if (status) show();
  else say('hub', false, words().silent);
}, 5000);
show();
