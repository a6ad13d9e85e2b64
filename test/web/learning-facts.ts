// What a facility has learnt, for the page of the model: a review with outcomes, a proposal, and the model as shipped.
import type { LearningView } from '../../hub/learning/contract.ts';
import { names, residentId } from './world-facts.ts';

const ago = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();
const figures = (expected: number, brier: number, logLoss: number) => ({ brier, logLoss, observed: 21, expected, bins: [] });

export const learningFacts = (facility: string): LearningView => {
  const shipped = {
    id: null,
    version: '2026.11.22-4fa6fc74',
    state: 'adopted' as const,
    proposedAt: null,
    decidedAt: null,
    decidedBy: null,
    slope: 1,
    offset: 0,
    figures: null,
  };
  const proposed = {
    id: '11111111-1111-4111-8111-111111111111',
    version: '2026.11.22-4fa6fc74+20261123.1',
    state: 'proposed' as const,
    proposedAt: ago(1),
    decidedAt: null,
    decidedBy: null,
    slope: 0.82,
    offset: -0.61,
    figures: {
      from: ago(20),
      to: ago(1),
      windows: 20_412,
      episodes: 7,
      own: figures(24.2, 0.0121, 0.0611),
      before: figures(61.5, 0.0149, 0.0794),
    },
  };
  return {
    facility,
    current: shipped,
    versions: [proposed, shipped],
    reviews: [
      {
        at: ago(1),
        from: ago(57),
        to: ago(1),
        residents: 12,
        windows: 61_204,
        episodes: 24,
        missed: 3,
        outcomes: { episode: 21, prevented: 6, false: 14, unknown: 2 },
        falsePerResidentWeek: 0.15,
        observedToExpected: { ratio: 0.34, low: 0.22, high: 0.51 },
        stability: 0.04,
        conclusion: {
          ja: '新しい調整の案があります。数字をくらべて、使うかどうかを決めてください。',
          en: 'There is a proposal for a new calibration. Compare the figures and decide.',
        },
      },
    ],
    people: [
      {
        patient: residentId(2),
        name: names[2]!,
        values: [
          {
            id: '22222222-2222-4222-8222-222222222222',
            patient: residentId(2),
            number: 1,
            offset: -0.62,
            state: 'proposed',
            figures: { episode: 3, prevented: 2, false: 14, missed: 1, falseWith: 6, warnedOf: 5, warnedOfWith: 4, missedWith: 1 },
            proposedAt: ago(1),
            decidedAt: null,
            decidedBy: null,
          },
        ],
      },
    ],
    mayDecide: true,
  };
};
