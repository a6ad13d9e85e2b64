// Which devices stand for the recording's sensors and how they sign in: a JSON file that the first run writes and later runs use again.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { eachOf, type Manager, makeHouse, registerResident } from '../registration.ts';
import type { Series } from './recording.ts';

const ReplayPlanSchema = z.object({
  facility: z.string().min(1),
  brokerUrl: z.string().optional(),
  homes: z.array(
    z.object({
      home: z.string(),
      patient: z.string().optional(),
      devices: z.array(z.object({ sensor: z.string(), profile: z.string(), device: z.string(), secret: z.string().min(1) })),
    }),
  ),
});
export type ReplayPlan = z.infer<typeof ReplayPlanSchema>;

/** @returns null when there is no such file. @throws Error naming the file and what is wrong in it. */
export function readReplayPlan(file: string): ReplayPlan | null {
  if (!existsSync(file)) return null;
  try {
    const parsed = ReplayPlanSchema.safeParse(JSON.parse(readFileSync(file, 'utf8')));
    if (parsed.success) return parsed.data;
    throw new Error(parsed.error.issues.map(issue => `${issue.path.join('.') || '(plan)'}: ${issue.message}`).join('; '));
  } catch (cause) {
    throw new Error(`The plan ${file} cannot be used: ${(cause as Error).message}`, { cause });
  }
}

/** Registers the homes that are not in the plan yet as residents, and writes the plan anew after each (mode 0600: it holds secrets). */
export async function registerHomes(
  manager: Manager,
  series: readonly Series[],
  plan: ReplayPlan,
  file: string,
  { from, progress }: { from: Date; progress(home: string): void },
): Promise<void> {
  if (plan.facility !== manager.facility)
    throw new Error(`The plan ${file} is for the facility ${plan.facility}, the link for ${manager.facility}. Give another --plan`);
  const known = new Set(plan.homes.map(({ home }) => home));
  const homes = [...new Set(series.map(({ home }) => home))].filter(home => !known.has(home));
  if (!homes.length) return;
  const house = await makeHouse(manager, '記録の再生');
  await eachOf(homes, 4, async home => {
    const devices = series.filter(each => each.home === home).map(({ sensor, profile }) => ({ key: sensor, profile }));
    const resident = { family: '再生', given: home, familyKana: 'サイセイ', givenKana: home, room: `再生 ${home}`, devices };
    const made = await registerResident(manager, house, resident, from);
    plan.homes.push({ home, patient: made.patient, devices: made.devices.map(({ key, ...device }) => ({ sensor: key, ...device })) });
    writeFileSync(file, `${JSON.stringify(plan, null, 1)}\n`, { mode: 0o600 });
    progress(home);
  });
}
