// HTTP of the bench, mounted at /api/bench: conformance runs and their reports.
import { createPublicKey, type KeyObject } from 'node:crypto';
import { type Context, Hono } from 'hono';
import { z } from 'zod';
import { type RunView, reportPage, thumbprint, verifyReport } from '../../devices/conformance/index.ts';
import { notAllowed } from '../http/problem.ts';
import { checked, readBody } from '../http/request.ts';
import type { HubEnv } from '../http/server-types.ts';
import { hasRole, type Person } from '../identity/actor.ts';
import type { Registry } from '../ingest/index.ts';
import type { Records } from '../records/records.ts';
import { FollowRun, type SigningKeyView, StartRun } from './contract.ts';
import { type ContractConfig, contractView } from './contract-view.ts';
import { deviceUnknown, noReport, runUnknown } from './problems.ts';
import type { Runs } from './runs.ts';
import type { RunStore } from './store.ts';

export interface BenchRoutesDependencies {
  runs: Runs;
  store: RunStore;
  records: Pick<Records, 'audit'>;
  key: KeyObject;
  registry: Pick<Registry, 'devicesOf' | 'profiles'>;
  config: ContractConfig;
}

const Named = z.object({ facility: StartRun.shape.facility, device: StartRun.shape.device });

/** Names in examples that are nobody's own. */
const EXAMPLE = { facility: 'f1', device: 'bed-201' };

/** Whose devices these are: the maker's and the manager's of the organization. */
export const keepsDevicesOf = (actor: Person, facility: string) => hasRole(actor, ['maker', 'manager'], facility);

/** Routes as named in `contract.ts`. */
export function benchRoutes({ runs, store, records, key, registry, config }: BenchRoutesDependencies): Hono<HubEnv> {
  const audit = (actor: Person, action: string, ja: string, en: string) =>
    records.audit({ actor, action, what: { ja, en }, allowed: true });

  /** @throws Problem 404 for a run of another organization, too: its id says nothing */
  async function runOf(context: Context<HubEnv>): Promise<RunView> {
    const parsed = FollowRun.safeParse({ run: context.req.param('run') });
    const view = parsed.success ? await store.of(parsed.data.run) : null;
    if (!view || !keepsDevicesOf(context.var.actor, view.facility)) throw runUnknown();
    return view;
  }
  async function reportIn(context: Context<HubEnv>): Promise<{ view: RunView; report: string }> {
    const view = await runOf(context);
    const report = await store.report(view.id);
    if (report === null) throw noReport();
    await audit(
      context.var.actor,
      'read',
      `機器 ${view.device} の適合試験の報告を見る`,
      `Read a conformance report of the device ${view.device}`,
    );
    return { view, report };
  }
  const asFile = (name: string) => ({ 'content-disposition': `attachment; filename="${name}"` });

  return new Hono<HubEnv>()
    .post('/runs', async context => {
      const { actor } = context.var;
      const wanted = await readBody(context, StartRun);
      if (!keepsDevicesOf(actor, wanted.facility)) throw notAllowed();
      const view = await runs.start(wanted, actor.account);
      await audit(actor, 'create', `機器 ${view.device} の適合試験を始める`, `Started a conformance run of the device ${view.device}`);
      return context.json(view, 201);
    })
    .get('/runs', async context => {
      const { facility, device } = checked(Named, context.req.query());
      if (!keepsDevicesOf(context.var.actor, facility)) throw notAllowed();
      return context.json(await store.list(facility, device));
    })
    .get('/runs/:run', async context => context.json(await runOf(context)))
    .post('/runs/:run/stop', async context => {
      const view = await runOf(context);
      await runs.stop(view.id);
      await audit(
        context.var.actor,
        'update',
        `機器 ${view.device} の適合試験を止める`,
        `Stopped a conformance run of the device ${view.device}`,
      );
      return context.json(view);
    })
    .get('/runs/:run/report.json', async context => {
      const { view, report } = await reportIn(context);
      return context.body(report, 200, { 'content-type': 'application/json', ...asFile(`conformance-${view.device}.json`) });
    })
    .get('/runs/:run/report.html', async context => {
      const { view, report } = await reportIn(context);
      return context.body(reportPage(verifyReport(report)), 200, {
        'content-type': 'text/html; charset=utf-8',
        ...asFile(`conformance-${view.device}.html`),
      });
    })
    .get('/contract', async context => {
      const { actor } = context.var;
      if (!hasRole(actor, ['maker', 'manager', 'administrator'])) throw notAllowed();
      const named = context.req.query('device') !== undefined;
      const { facility, device } = named ? checked(Named, context.req.query()) : EXAMPLE;
      if (named && !keepsDevicesOf(actor, facility)) throw notAllowed();
      const found = named ? (await registry.devicesOf(facility)).find(one => one.device === device) : undefined;
      const profile = registry.profiles.get(found?.profile ?? 'bed');
      if ((named && !found) || !profile) throw deviceUnknown();
      return context.json(contractView(config, { facility, device }, profile, found?.credential));
    })
    .get('/key', context => {
      if (!hasRole(context.var.actor, ['maker', 'manager', 'administrator'])) throw notAllowed();
      const jwk = createPublicKey(key).export({ format: 'jwk' });
      const view: SigningKeyView = { key: jwk, thumbprint: thumbprint(jwk) };
      return context.json(view);
    });
}
