// The conformance run for device makers: observe a device, judge it, sign the report.
export { judge } from './checks.ts';
export type { Observed } from './observed.ts';
export { reportPage } from './page.ts';
export { canonical, type Report, reportOf, type SignedReport, signingKey, signReport, thumbprint, verifyReport } from './report.ts';
export { observe, type Run, type RunOptions } from './run.ts';
export type { Check, Status, Verdict } from './verdict.ts';
