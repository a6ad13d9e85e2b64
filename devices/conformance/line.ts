// What a conformance run needs of the broker that its device is connected to: what was seen so far, and the ways to disturb the line.
// The command's own broker is one (bench-broker.ts); a hub that observes a device at its real broker is another.
import type { Connection, Message } from './observed.ts';

export interface Line {
  /** Where the device is to connect, for the person who runs it. */
  readonly address: string;
  readonly connections: readonly Connection[];
  readonly messages: readonly Message[];
  /** The device's present connection. */
  live(): Connection | null;
  /** Marks what comes now as undisturbed or not. */
  undisturbed(value: boolean): void;
  /** Packs get no PUBACK, or get one again, once it resolves. */
  withhold(value: boolean): Promise<void>;
  /** Breaks the line; it is broken once it resolves. `away`: and answers nobody until `open`. */
  cut(away: boolean): Promise<void>;
  open(): Promise<void>;
  /** Asks the device by its configuration to request a new certificate, or takes the request back. */
  renew(ask: boolean): void;
  close(): Promise<void>;
}

/** @param onEvent Called after something was written down. */
export type OpenLine = (onEvent: () => void) => Promise<Line>;
