// The demonstration's story: the resident whose episode is ordered is seen coming by the shipped model, whatever the hour of the start.
import path from 'node:path';
import { expect, test } from 'vitest';
import { enough, featuresAt, loadModel, ResidentWindow } from '../../models/index.ts';
import { drawBuilding, HOUR, MINUTE, ResidentSimulation, SECOND } from '../../simulator/residents/index.ts';

/** As `simulator/demo` orders it: seed of the first resident, seconds to the onset, length of the prodrome. */
const STORY = { seed: 6, seconds: 240, prodrome: 20 * MINUTE, history: 6 * HOUR, intensity: 1.6 };
const LIVE_AT = [1, 4, 7, 10, 13, 16, 19, 22];

test('an alert comes before the ordered episode at most hours of the day, with half a minute or more to spare', async () => {
  const model = await loadModel(path.resolve(import.meta.dirname, '../../models/facility'));
  const primary = model.horizons.indexOf(model.alertHorizon);
  const leads = LIVE_AT.map(hour => {
    const live = Date.parse('2026-11-22T00:00:00+09:00') + hour * HOUR;
    const onset = live + STORY.seconds * SECOND;
    const resident = new ResidentSimulation({
      seed: STORY.seed,
      building: drawBuilding('demo'),
      start: live - STORY.history,
      spontaneous: false,
      forced: [{ onset, end: onset + 25 * MINUTE, prodrome: STORY.prodrome, intensity: STORY.intensity }],
    });
    const window = new ResidentWindow();
    while (resident.time < onset) {
      for (const sample of resident.tick().samples) window.add(sample);
      const at = resident.time;
      // Predictions begin when the facility is live.
      if (at % MINUTE !== 0 || at < live) continue;
      const vector = featuresAt(window, at);
      if (enough(vector) && model.explain([vector])[0]!.probabilities[primary]! >= model.levels.act) return (onset - at) / SECOND;
    }
    return null;
  });
  expect(leads.filter(lead => lead !== null && lead >= 30).length, `leads in seconds: ${leads.join(', ')}`).toBeGreaterThanOrEqual(
    LIVE_AT.length - 1,
  );
});
