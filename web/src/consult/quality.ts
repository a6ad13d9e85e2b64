// How good the line is, from WebRTC statistics (https://www.w3.org/TR/webrtc-stats/): round trip, loss, bitrate.

export interface Quality {
  /** Round trip to the hub, ms; null before the first measurement. */
  rttMs: number | null;
  /** Share of packets lost, 0 … 1, since the last measurement; the worse of both directions. */
  loss: number | null;
  /** kbit/s */
  sendKbps: number;
  receiveKbps: number;
  grade: Grade;
}
export type Grade = 'good' | 'fair' | 'poor' | 'lost' | 'unknown';

/** From which round trip (ms) or loss on a line is no longer good, or poor. Speech is hard to follow above 400 ms (ITU-T G.114). */
export const GRADES = { fair: { rttMs: 200, loss: 0.03 }, poor: { rttMs: 400, loss: 0.1 } } as const;

export function gradeOf(rttMs: number | null, loss: number | null): Grade {
  if (rttMs === null && loss === null) return 'unknown';
  const worse = (limit: { rttMs: number; loss: number }) => (rttMs ?? 0) >= limit.rttMs || (loss ?? 0) >= limit.loss;
  return worse(GRADES.poor) ? 'poor' : worse(GRADES.fair) ? 'fair' : 'good';
}

/** The fields of statistics that are used, all optional as browsers differ. */
interface Stat {
  type: string;
  nominated?: boolean;
  state?: string;
  currentRoundTripTime?: number;
  packetsLost?: number;
  packetsReceived?: number;
  fractionLost?: number;
  bytesSent?: number;
  bytesReceived?: number;
}
interface Totals {
  at: number;
  lost: number;
  received: number;
  sentBytes: number;
  receivedBytes: number;
}

/** Turns running totals into figures per interval. */
export class QualityMeter {
  #before: Totals | undefined;

  /** `reports` of all transports; `at` in ms. */
  measure(reports: Iterable<Iterable<Stat>>, at: number): Quality {
    const totals: Totals = { at, lost: 0, received: 0, sentBytes: 0, receivedBytes: 0 };
    let rtt: number | null = null;
    let sentLoss: number | null = null;
    for (const report of reports) {
      for (const stat of report) {
        if (stat.type === 'candidate-pair' && (stat.nominated || stat.state === 'succeeded')) {
          if (stat.currentRoundTripTime !== undefined) rtt = Math.max(rtt ?? 0, stat.currentRoundTripTime * 1000);
          totals.sentBytes += stat.bytesSent ?? 0;
          totals.receivedBytes += stat.bytesReceived ?? 0;
        } else if (stat.type === 'inbound-rtp') {
          totals.lost += stat.packetsLost ?? 0;
          totals.received += stat.packetsReceived ?? 0;
        } else if (stat.type === 'remote-inbound-rtp' && stat.fractionLost !== undefined) {
          sentLoss = Math.max(sentLoss ?? 0, stat.fractionLost);
        }
      }
    }
    const before = this.#before;
    this.#before = totals;
    const seconds = before ? (at - before.at) / 1000 : 0;
    const lost = before ? Math.max(0, totals.lost - before.lost) : 0;
    const received = before ? Math.max(0, totals.received - before.received) : 0;
    const receivedLoss = lost + received > 0 ? lost / (lost + received) : null;
    const loss = receivedLoss === null ? sentLoss : Math.max(receivedLoss, sentLoss ?? 0);
    const rate = (now: number, then: number) => (seconds > 0 ? Math.max(0, Math.round(((now - then) * 8) / seconds / 1000)) : 0);
    return {
      rttMs: rtt === null ? null : Math.round(rtt),
      loss,
      sendKbps: rate(totals.sentBytes, before?.sentBytes ?? 0),
      receiveKbps: rate(totals.receivedBytes, before?.receivedBytes ?? 0),
      grade: gradeOf(rtt, loss),
    };
  }
}
