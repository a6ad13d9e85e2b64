// Part of /api/devices: what devices and gateways sign in with (new, rotated, renewed, revoked), and the configuration that the hub keeps for them.
import { type Context, Hono } from 'hono';
import { GATEWAY } from '../../devices/index.ts';
import { readBody } from '../http/index.ts';
import { notAllowed } from '../http/problem.ts';
import type { HubEnv } from '../http/server-types.ts';
import { hasRole, type Person } from '../identity/actor.ts';
import { DeviceConfig, NewGateway, Rotate } from './contract.ts';
import { certificatesOff, configReserved, configTooLarge } from './problems.ts';
import type { Registry } from './registry.ts';

/** Longest configuration of a device, bytes of JSON: small devices read it into memory whole. */
const CONFIG_LIMIT = 4096;

export interface CredentialRoutesDependencies {
  registry: Registry;
  /** Certificate of the hub's authority, PEM; undefined without one. */
  caPem: string | undefined;
  /** The facility of the device (or `gateway`) in the path, where the actor may act. @throws Problem 404, 403, 409 */
  facilityOf(context: Context<HubEnv>, device: string): Promise<string>;
  audit(actor: Person, action: string, ja: string, en: string): Promise<void>;
}

export function credentialRoutes({ registry, caPem, facilityOf, audit }: CredentialRoutesDependencies): Hono<HubEnv> {
  /** Device and facility of the path. A gateway speaks for a whole facility: its manager's to decide, not a maker's. */
  async function named(context: Context<HubEnv>): Promise<{ device: string; facility: string }> {
    const device = context.req.param('device') ?? '';
    const facility = await facilityOf(context, device);
    if (device === GATEWAY) requireGatewayKeeper(context.var.actor, facility);
    return { device, facility };
  }

  return new Hono<HubEnv>()
    .get('/ca.pem', context => {
      if (!caPem) throw certificatesOff();
      return context.body(caPem, 200, { 'content-type': 'application/x-pem-file' });
    })

    .post('/gateways', async context => {
      const actor = context.var.actor;
      const { facility, ...wish } = await readBody(context, NewGateway);
      requireGatewayKeeper(actor, facility);
      const credentials = await registry.createGateway(facility, wish);
      await audit(actor, 'create', `施設 ${facility} のゲートウェイの鍵を発行`, `Issued credentials for the gateway of ${facility}`);
      return context.json(credentials, 201);
    })

    .post('/:device/rotate', async context => {
      const { facility, device } = await named(context);
      const credentials = await registry.rotate(facility, device, await readBody(context, Rotate));
      await audit(context.var.actor, 'update', `機器 ${device} の鍵を交換`, `Rotated the credentials of the device ${device}`);
      return context.json(credentials);
    })

    .post('/:device/renew', async context => {
      const { facility, device } = await named(context);
      await registry.askRenewal(facility, device);
      await audit(
        context.var.actor,
        'update',
        `機器 ${device} に証明書の更新を依頼`,
        `Asked the device ${device} to renew its certificate`,
      );
      return context.json({});
    })

    .post('/:device/revoke', async context => {
      const { facility, device } = await named(context);
      if (device === GATEWAY) await registry.revokeGateway(facility);
      else await registry.revoke(facility, device);
      await audit(context.var.actor, 'delete', `機器 ${device} の登録を取り消し`, `Revoked the device ${device}`);
      return context.json({});
    })

    .get('/:device/config', async context => {
      const { facility, device } = await named(context);
      const config = await registry.configOf(facility, device);
      await audit(context.var.actor, 'read', `機器 ${device} の設定を見る`, `Read the configuration of the device ${device}`);
      return context.json(config);
    })

    .put('/:device/config', async context => {
      const { facility, device } = await named(context);
      const wanted = await readBody(context, DeviceConfig);
      if ('renew' in wanted) throw configReserved();
      if (Buffer.byteLength(JSON.stringify(wanted)) > CONFIG_LIMIT) throw configTooLarge(CONFIG_LIMIT);
      await registry.configure(facility, device, wanted);
      await audit(context.var.actor, 'update', `機器 ${device} の設定を変更`, `Changed the configuration of the device ${device}`);
      return context.json({});
    });
}

function requireGatewayKeeper(actor: Person, facility: string) {
  if (!hasRole(actor, ['administrator']) && !hasRole(actor, ['manager'], facility)) throw notAllowed();
}
