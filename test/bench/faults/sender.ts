// One device of the faults bench: a plain MQTT client as a maker would write it, that keeps what was not acknowledged and remembers what was.
import { connect, type MqttClient } from 'mqtt';
import { deviceTopic, encodePack } from '../../../devices/index.ts';

export interface SenderLogin {
  facility: string;
  device: string;
  username: string;
  secret: string;
}

/** Samples of a pack. */
const SAMPLES = 2;

export class Sender {
  readonly device: string;
  /** Value of each sample that was sent, by its time (ms since 1970). */
  readonly sent = new Map<number, number>();
  /** Times of the samples that were acknowledged. */
  readonly acknowledged: number[] = [];
  /** Longest time from handing a pack to the client until its PUBACK, ms. */
  longestWait = 0;
  readonly #client: MqttClient;
  readonly #login: SenderLogin;
  #sequence = 0;
  /** Time of the last sample. */
  #last = 0;

  constructor(url: string, login: SenderLogin) {
    this.device = login.device;
    this.#login = login;
    this.#client = connect(url, {
      ...{ clientId: login.device, username: login.username, password: login.secret },
      ...{ clean: true, keepalive: 10, connectTimeout: 5000, reconnectPeriod: 300, reconnectOnConnackError: true },
    });
    this.#client.on('error', () => {});
  }

  get waiting(): number {
    return this.sent.size - this.acknowledged.length;
  }
  get connected(): boolean {
    return this.#client.connected;
  }

  /** One pack of now; it goes when it can. */
  send(): void {
    const sequence = this.#sequence++;
    const times = Array.from({ length: SAMPLES }, () => {
      this.#last = Math.max(Date.now(), this.#last + 1);
      return this.#last;
    });
    const { facility, device } = this.#login;
    const readings = times.map((time, index) => {
      const value = 55 + ((sequence * SAMPLES + index) % 40);
      this.sent.set(time, value);
      return { name: 'heart_rate', unit: 'beat/min', value, time };
    });
    const payload = Buffer.from(encodePack({ device, sequence, readings }, 'json'));
    this.#publish(deviceTopic(facility, device, 'json'), payload, times, performance.now());
  }

  #publish(topic: string, payload: Buffer, times: number[], begun: number) {
    this.#client.publish(topic, payload, { qos: 1 }, error => {
      if (error) {
        // mqtt.js gives back what it was handed while it sent older ones again and the connection broke: it is ours to send again.
        if (!this.#client.disconnecting) setTimeout(() => this.#publish(topic, payload, times, begun), 100);
        return;
      }
      this.acknowledged.push(...times);
      this.longestWait = Math.max(this.longestWait, performance.now() - begun);
    });
  }

  close = () => this.#client.endAsync(true);
}
