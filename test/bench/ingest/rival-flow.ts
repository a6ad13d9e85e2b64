// What a maker would draw in Node-RED in place of the hub's ingest: MQTT in → function → InfluxDB out, with the nodes' own defaults but for
// QoS 1 and a precision of milliseconds.
import { FACILITY, MEASUREMENT } from './points.ts';

/** SenML records to InfluxDB points, one per time: runs inside Node-RED. */
const TO_POINTS = `
const device = msg.topic.split('/')[3];
const times = new Map();
let base = 0;
for (const record of msg.payload) {
  if (record.bt !== undefined) base = record.bt;
  if (record.n === 'seq') continue;
  const time = Math.round((base + (record.t || 0)) * 1000);
  if (!times.has(time)) times.set(time, { time });
  times.get(time)[record.n] = record.vb === undefined ? record.v : Number(record.vb);
}
msg.payload = [...times.values()].map(fields => [fields, { facility: '${FACILITY}', device, subject: 'Patient/' + device }]);
return msg;
`;

export const flow = ({ mqttPort, influxUrl, database }: { mqttPort: number; influxUrl: string; database: string }) => {
  const { hostname, port } = new URL(influxUrl);
  return [
    { id: 'tab', type: 'tab', label: 'care' },
    {
      ...{ id: 'broker', type: 'mqtt-broker', broker: '127.0.0.1', port: mqttPort, clientid: 'node-red', autoConnect: true },
      ...{ usetls: false, protocolVersion: '4', keepalive: '60', cleansession: true },
    },
    { id: 'influx', type: 'influxdb', hostname, port, database, usetls: false, influxdbVersion: '1.x' },
    {
      ...{ id: 'in', type: 'mqtt in', z: 'tab', topic: `care/1/${FACILITY}/+/json`, qos: '1', datatype: 'json', broker: 'broker' },
      wires: [['points']],
    },
    { id: 'points', type: 'function', z: 'tab', func: TO_POINTS, outputs: 1, wires: [['out']] },
    { id: 'out', type: 'influxdb out', z: 'tab', influxdb: 'influx', measurement: MEASUREMENT, precision: 'ms', wires: [] },
  ];
};
