// Whatever is wrong gets a clear refusal, and whoever behaves well beside it notices nothing.
// One file to vitest, so that the hub is started once; the parts stand in `bad-input/`, and what the log says of them all comes last.
import { expect, test } from 'vitest';
import { hub, useStand } from './bad-input/stand.ts';
import './bad-input/mqtt.ts';
import './bad-input/sockets.ts';
import './bad-input/http.ts';
import './bad-input/fhir.ts';

useStand();

test('nothing of this put a name into the log', () => {
  expect(hub.lines.length).toBeGreaterThan(3);
  expect(hub.lines.filter(line => /宮城|高橋|鈴木|@|様子をみる/.test(line))).toEqual([]);
});
