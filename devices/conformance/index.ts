// The conformance run for device makers: observe a device, judge it, sign the report.
export { type BenchAuthority, makeBenchAuthority } from './bench-authority.ts';
export { openBenchBroker } from './bench-broker.ts';
export { CHECK_TITLES, judge, judgeSoFar } from './checks.ts';
export { KEEP_ALIVE_LIMIT } from './connection-checks.ts';
export type { Line, OpenLine } from './line.ts';
export type { Connection, Message, Observed, Rotation } from './observed.ts';
export { CLOCK_LIMIT } from './pack-checks.ts';
export { reportPage } from './page.ts';
export type { CheckView, RunView } from './progress.ts';
export { canonical, type Report, reportOf, type SignedReport, signingKey, signReport, thumbprint, verifyReport } from './report.ts';
export { observe, type Run, type RunOptions } from './run.ts';
export type { Check, Status, Verdict } from './verdict.ts';
