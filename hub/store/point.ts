// A sample as it is stored.

/** One row of a device's readings at one time. `values` hold one number per quantity, in the profile's unit; booleans are 0 or 1. */
export interface SamplePoint {
  profile: string;
  facility: string;
  device: string;
  /** Whom or what the device was assigned to at `time`: `Patient/…` or `Location/…`. */
  subject: string;
  /** Milliseconds since 1970-01-01 UTC, the sample's own time. */
  time: number;
  values: Record<string, number>;
}
