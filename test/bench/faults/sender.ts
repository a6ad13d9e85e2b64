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
    const begun = performance.now();
    const sequence = this.#sequence++;
    const times = Array.from({ length: SAMPLES }, () => (this.#last = Math.max(Date.now(), this.#last + 1)));
    const { facility, device } = this.#login;
    const readings = times.map((time, index) => {
      const value = 55 + ((sequence * SAMPLES + index) % 40);
      this.sent.set(time, value);
      return { name: 'heart_rate', unit: 'beat/min', value, time };
    });
    const payload = Buffer.from(encodePack({ device, sequence, readings }, 'json'));
    this.#client.publish(deviceTopic(facility, device, 'json'), payload, { qos: 1 }, error => {
      if (error) return;
      this.acknowledged.push(...times);
      this.longestWait = Math.max(this.longestWait, performance.now() - begun);
    });
  }

  close = () => this.#client.endAsync(true);
}
