// One figure of a bench, as every bench prints it.

export interface Figure {
  bench: string;
  figure: string;
  value: number;
  unit: string;
  /** What was asked, e.g. `< 6`; absent when nothing was. */
  goal?: string;
  met?: boolean;
  /** What the value is compared with, measured in the same run. */
  against?: { name: string; value: number; ratio: number };
}

const ROUNDED = 3;

export function print(figure: Figure): void {
  // Counts are told as they are.
  const rounded = (value: number) => (Number.isInteger(value) ? value : Number(value.toPrecision(ROUNDED + 1)));
  console.log(
    JSON.stringify({
      ...figure,
      value: rounded(figure.value),
      ...(figure.against
        ? { against: { ...figure.against, value: rounded(figure.against.value), ratio: rounded(figure.against.ratio) } }
        : {}),
    }),
  );
}

/** The value below which `share` (0 … 1) of `values` lie. */
export function percentile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
