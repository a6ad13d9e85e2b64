// Code for device makers to begin with, with their own device's names in it. The same text stands in README.md, and tests run it.
import type { Profile } from './profiles.ts';
import { deviceTopic, deviceUsername } from './topics.ts';

export interface ExampleDevice {
  /** `mqtt://host:port`, or `mqtts://…`: then the hub's authority is in the file `ca.pem`. */
  url: string;
  /** It signs in by `<device>.cert.pem` and `<device>.key.pem`, as the web application names them, in place of a secret. Needs `mqtts://`. */
  certificate?: boolean;
  facility: string;
  device: string;
  profile: Pick<Profile, 'quantities' | 'intervalSeconds'>;
}

/** Everyday values, in the unit a device sends; another quantity shows the middle of its range. */
const EVERYDAY: Record<string, number> = {
  ...{ heart_rate: 64, respiration_rate: 15, movement: 0.1, pulse_rate: 66, hrv_rmssd: 32, skin_temperature: 33.1, steps: 4 },
  ...{ temperature: 23.4, humidity: 48, illuminance: 120, sound_level: 38, co2: 640, pressure: 1013.2 },
  ...{ systolic: 160, diastolic: 107, body_temperature: 36.6, spo2: 97, body_weight: 52.4, body_fat: 28, battery: 80 },
};

const records = ({ device, profile }: ExampleDevice) =>
  profile.quantities.map(({ name, kind, senmlUnit, minimum, maximum }, index) => ({
    ...(index === 0 ? { bn: `${device}:` } : {}),
    n: name,
    ...(kind === 'boolean' ? { vb: true } : { u: senmlUnit, v: EVERYDAY[name] ?? (minimum + maximum) / 2 }),
  }));

/** A pack without times: its readings are of the moment of receipt. One line. */
export const examplePack = (example: ExampleDevice): string => JSON.stringify(records(example));

const isTls = ({ url }: ExampleDevice) => url.startsWith('mqtts:');
const certificateFiles = ({ device }: ExampleDevice) => ({ certificate: `${device}.cert.pem`, key: `${device}.key.pem` });

/** For a computer with Node.js and the package `mqtt`. The secret is in the environment variable SECRET. */
export function exampleTypeScript(example: ExampleDevice): string {
  const { facility, device, url } = example;
  const files = certificateFiles(example);
  const signIn = [
    ...(isTls(example) ? ["ca: readFileSync('ca.pem'),"] : []),
    ...(example.certificate
      ? [`cert: readFileSync('${files.certificate}'),`, `key: readFileSync('${files.key}'),`]
      : ['password: process.env.SECRET,']),
  ];
  const lines = records(example).map(({ bn: _, ...record }) => `    ${literal(record)},`);
  return `${isTls(example) ? "import { readFileSync } from 'node:fs';\n" : ''}import { connect } from 'mqtt';

const base = 'care/1/${facility}/${device}';
const client = connect('${url}', {
  clientId: '${device}',
  username: '${deviceUsername(facility, device)}',
${signIn.map(line => `  ${line}\n`).join('')}  keepalive: 30,
  will: { topic: \`\${base}/state\`, payload: Buffer.from('{"state":"offline"}'), qos: 1, retain: true },
});
client.on('connect', () => {
  client.publish(\`\${base}/state\`, '{"state":"online"}', { qos: 1, retain: true });
  client.subscribe([\`\${base}/config\`, \`\${base}/refused\`], { qos: 1 });
});
client.on('message', (topic, payload) => console.log(topic, payload.toString()));
client.on('error', error => console.error(error.message));

let seq = 0;
function send(): void {
  const now = Date.now() / 1000;
  const pack = [
    { bn: '${device}:', bt: now, n: 'seq', v: seq++ },
    { n: 'clock', u: 's', v: now },
${lines.join('\n')}
  ];
  // mqtt keeps the pack and sends it again until its PUBACK: then it is stored.
  client.publish(\`\${base}/json\`, JSON.stringify(pack), { qos: 1 }, error => console.log(error ? error.message : 'stored'));
}
send();
setInterval(send, ${example.profile.intervalSeconds * 1000});
`;
}

/** One line for a shell with Mosquitto's clients. */
export function exampleShell(example: ExampleDevice): string {
  const { facility, device } = example;
  const { hostname, port } = new URL(example.url);
  const files = certificateFiles(example);
  const tls = isTls(example) ? ' --cafile ca.pem' : '';
  const signIn = example.certificate
    ? ` --cert ${files.certificate} --key ${files.key}`
    : ` -u ${deviceUsername(facility, device)} -P "$SECRET"`;
  return `mosquitto_pub -h ${hostname} -p ${port || (tls ? 8883 : 1883)}${tls} -i ${device}${signIn} -q 1 \\
  -t ${deviceTopic(facility, device, 'json')} -m '${examplePack(example)}'
`;
}

/** MicroPython with umqtt.robust: \`read_…()\` is the maker's own. */
export function exampleMicroPython(example: ExampleDevice): string {
  const { facility, device } = example;
  const { hostname, port } = new URL(example.url);
  const tls = isTls(example);
  const files = certificateFiles(example);
  const context = [
    ...(tls ? ['tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)', 'tls.load_verify_locations("ca.pem")'] : []),
    ...(example.certificate ? [`tls.load_cert_chain("${files.certificate}", "${files.key}")`] : []),
  ];
  const login = example.certificate ? 'None, None' : `"${deviceUsername(facility, device)}", SECRET`;
  const lines = records(example).map(
    ({ n, ...record }) => `        {"n": "${n}", ${'u' in record ? `"u": "${record.u}", "v": read_${n}()` : `"vb": read_${n}()`}},`,
  );
  const state = deviceTopic(facility, device, 'state');
  return `import json, ${tls ? 'ssl, ' : ''}time
from umqtt.robust import MQTTClient

${tls ? '# A board whose TLS reads no PEM takes the same files in DER (openssl … -outform der). Its clock must be right (ntptime).\n' : ''}${context.map(line => `${line}\n`).join('')}mqtt = MQTTClient("${device}", "${hostname}", ${port || (tls ? 8883 : 1883)}, ${login}, keepalive=60${tls ? ', ssl=tls' : ''})
mqtt.set_last_will(b"${state}", b'{"state":"offline"}', retain=True, qos=1)
mqtt.connect()
mqtt.publish(b"${state}", b'{"state":"online"}', retain=True, qos=1)

sequence = 0
while True:
    pack = [
        {"bn": "${device}:", "n": "seq", "v": sequence},
${lines.join('\n')}
    ]
    # Returns when the PUBACK is here. No clock needed: without a time a reading is of now.
    mqtt.publish(b"${deviceTopic(facility, device, 'json')}", json.dumps(pack), qos=1)
    sequence += 1
    time.sleep(${example.profile.intervalSeconds})
`;
}

/** A record as people write it in TypeScript. */
const literal = (record: Record<string, unknown>) =>
  `{ ${Object.entries(record)
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? `'${value}'` : String(value)}`)
    .join(', ')} }`;
