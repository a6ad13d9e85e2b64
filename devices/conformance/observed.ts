// What a conformance run saw of a device, in order and without judgement. The checks read this and nothing else.

type QoS = 0 | 1 | 2;

/** One CONNECT and what became of it. Times in ms since 1970, of the run's clock. */
export interface Connection {
  at: number;
  /** `MQTT` for 3.1.1, `MQIsdp` for 3.1. */
  protocol: string;
  /** 4 is MQTT 3.1.1. */
  level: number;
  clientId: string;
  clean: boolean;
  /** Seconds; 0 is none. */
  keepAlive: number;
  username: string | null;
  will: { topic: string; payload: Buffer; qos: QoS; retain: boolean } | null;
  /** SHA-256 fingerprint of the client certificate it signed in with; null: by secret. */
  certificate: string | null;
  /** Why it was let in or not. The secret itself is nowhere kept. */
  signIn: 'accepted' | 'protocol' | 'username' | 'secret' | 'certificate' | 'client-id';
  subscriptions: string[];
  /** Subscriptions outside the device's rights. */
  refusedSubscriptions: string[];
  endedAt: number | null;
  /** `run`: the run broke it off. `device`: DISCONNECT. `lost`: neither. */
  end: 'run' | 'device' | 'lost' | 'keep-alive' | null;
}

/** One PUBLISH. */
export interface Message {
  at: number;
  connection: Connection;
  topic: string;
  qos: QoS;
  retain: boolean;
  dup: boolean;
  payload: Buffer;
  /** Its PUBACK was withheld on purpose. */
  withheld: boolean;
  /** Came while the run let the device be: not around the lost connection or the withheld PUBACKs. */
  undisturbed: boolean;
}

/** A connection that the run broke off, and the device's return. */
export interface Break {
  /** When the connection was cut. */
  cutAt: number;
  /** From when on the device could connect again. */
  openAt: number;
  /** When it was signed in again; null: not within the time it had. */
  returnedAt: number | null;
}

/** The request for a new certificate, and what the device made of it. Null: it did not get there in time. */
export interface Rotation {
  askedAt: number;
  /** How long the device had for each of the two steps, ms. */
  limit: number;
  /** When it published a certificate signing request. */
  requestedAt: number | null;
  /** When it was signed in with a certificate that it did not have before. */
  returnedAt: number | null;
}

export interface Observed {
  facility: string;
  device: string;
  startedAt: number;
  endedAt: number;
  /** How long the device had to come back after a lost connection, ms. */
  returnLimit: number;
  connections: Connection[];
  messages: Message[];
  /** Network taken away for a while; null when the run did not get there. */
  outage: Break | null;
  /** PUBACKs withheld from `from` until the cut; null when the run did not get there. */
  withholding: (Break & { from: number }) | null;
  /** Null when the run did not get there, or the device signs in by secret. */
  rotation: Rotation | null;
}
