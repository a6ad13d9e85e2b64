// Set-up: InfluxDB 1.x's server program, which the hub starts itself.
import { existsSync } from 'node:fs';
import { findProgram, run } from './command.mjs';
import { installPackages } from './debian.mjs';

export const influxd = {
  title: 'InfluxDB',

  check(context) {
    if (context.environment.INFLUX_URL) return { skipped: 'INFLUX_URL is given' };
    const program = findProgram('influxd', context.environment);
    if (!program) return undefined;
    context.result.influxd = program;
    return { ready: program };
  },

  async make(context) {
    const before = existsSync('/lib/systemd/system/influxdb.service');
    await installPackages(
      context,
      ['influxdb'],
      'for the sensor samples (influxd)',
      'put influxd of any InfluxDB 1.x on the PATH, or set INFLUX_URL to a running one',
    );
    // The hub runs an influxd of its own; Debian's service would take port 8086 at the next start of the machine.
    if (!before && findProgram('systemctl', context.environment)) {
      await run('systemctl', ['disable', '--now', 'influxdb'], { env: context.environment, timeout: 20_000 }).catch(() => undefined);
    }
    const program = findProgram('influxd', context.environment);
    context.result.influxd = program;
    return program;
  },
};
