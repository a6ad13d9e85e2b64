// Units a SenML record may carry, by the registries of IANA, and the check digit of LOINC: what the loader holds profiles against.

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));

/** Units of RFC 8428 section 12.1, without those it advises against (except `beat/min`, `1/min` and `%RH`, which have no good stand-in here). */
export const SENML_UNITS = words(
  'm kg s A K cd mol Hz rad sr N Pa J W C V F Ohm S Wb T H Cel lm lx Bq Gy Sv kat m2 m3 m/s m/s2 m3/s W/m2 cd/m2 bit bit/s lat lon pH dB dBW ' +
    'count / %RH %EL EL 1/s 1/min beat/min beats S/m B VA VAs var vars J/m kg/m3 deg NTU',
);

/** Secondary units (RFC 8798 section 3): scaled forms, for readings that everybody knows in them. */
export const SECONDARY_UNITS = words(
  'ms min h MHz kW kVA kvar Ah Wh kWh varh kvarh kVAh Wh/km KiB GB Mbit/s B/s MB/s mV mA dBm ug/m3 mm/h m/h ppm /100 /1000 hPa mm cm km km/h',
);

/** Whether a LOINC code is a number, a hyphen and its check digit (Luhn, modulus 10; LOINC Users' Guide, "LOINC codes"). */
export function isLoincCode(code: string): boolean {
  const match = /^(\d{1,7})-(\d)$/.exec(code);
  if (!match) return false;
  const digits = [...match[1]!].reverse().map(Number);
  const sum = digits.reduce((total, digit, index) => {
    const weighed = index % 2 === 0 ? digit * 2 : digit;
    return total + (weighed > 9 ? weighed - 9 : weighed);
  }, 0);
  return (10 - (sum % 10)) % 10 === Number(match[2]);
}
