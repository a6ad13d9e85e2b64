// Every route of the hub, and what each role gets when it asks there for something of a facility that it has nothing to do with.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { limitRoutes } from '../../hub/alarms/index.ts';
import { alertRoutes, budgetRoutes, handoverRoutes, onCallRoutes, pushRoutes, readCard } from '../../hub/alerts/index.ts';
import { benchRoutes } from '../../hub/bench/index.ts';
import { consultRoutes } from '../../hub/consult/routes.ts';
import { openStills } from '../../hub/consult/stills.ts';
import { appRoutes, oauthRoutes, oidcRoutes, peopleRoutes, sessionRoutes } from '../../hub/identity/index.ts';
import { deviceRoutes } from '../../hub/ingest/index.ts';
import { learningRoutes } from '../../hub/learning/index.ts';
import { phrRoutes, sharedRoutes } from '../../hub/phr/index.ts';
import {
  documentRoutes,
  draftRoutes,
  elsewhereRoutes,
  emergencyRoutes,
  exportRoutes,
  fhirRoutes,
  noteRoutes,
  recordRoutes,
} from '../../hub/records/index.ts';
import { subscriptionRoutes } from '../../hub/records/subscriptions/index.ts';
import { stateRoutes } from '../../hub/roles/state.ts';
import { vitalsRoutes } from '../../hub/vitals/index.ts';
import type { ForeignFacility } from './foreign-facility.ts';

/** Stands for all that routes are made from: they are made here to be read, not asked. */
const nothing = new Proxy(() => undefined, {
  get: (_, key) => (typeof key === 'symbol' ? undefined : nothing),
  apply: () => nothing,
}) as never;

const AREAS = {
  '/api/session': [sessionRoutes(nothing), oidcRoutes(nothing, nothing)],
  '/api/people': [peopleRoutes(nothing, nothing)],
  '/api/apps': [appRoutes(nothing, nothing)],
  '/api/oauth': [oauthRoutes(nothing, nothing)],
  '/api/state': [stateRoutes(nothing)],
  '/api/devices': [deviceRoutes(nothing)],
  '/api/bench': [benchRoutes(nothing)],
  '/api/vitals': [vitalsRoutes(nothing)],
  '/api/alarms': [limitRoutes(nothing)],
  '/api/alerts': [alertRoutes(nothing)],
  '/api/alerts/on-call': [onCallRoutes(nothing)],
  '/api/alerts/budget': [budgetRoutes({ database: nothing, alerts: nothing, card: readCard() })],
  '/api/alerts/handover': [handoverRoutes(nothing)],
  '/api/alerts/push': [pushRoutes(nothing)],
  '/api/learning': [learningRoutes(nothing)],
  '/api/consult': [consultRoutes(nothing), noteRoutes(nothing)],
  '/api/consult/stills': [openStills(nothing).routes],
  '/api/records': [documentRoutes(nothing), draftRoutes(nothing), elsewhereRoutes(nothing), recordRoutes(nothing)],
  '/api/phr': [phrRoutes(nothing)],
  '/api/shared': [sharedRoutes(nothing)],
  '/api/emergency': [emergencyRoutes(nothing)],
  '/fhir/R4': [exportRoutes(nothing), subscriptionRoutes(nothing), fhirRoutes(nothing)],
};

/** `METHOD /path/:parameter` of every route below /api and /fhir. */
export const ROUTES = [
  ...new Set(
    Object.entries(AREAS).flatMap(([prefix, areas]) =>
      areas.flatMap(area =>
        area.routes.map(({ method, path: own }) => `${method === 'ALL' ? 'GET' : method} ${prefix}${own === '/' ? '' : own}`),
      ),
    ),
  ),
];

/** What the care role really mounts: an area that is missing above would go unnoticed. */
export const MOUNTED = [
  ...new Set(readFileSync(path.resolve(import.meta.dirname, '../../hub/roles/care.ts'), 'utf8').match(/(?<=')\/(api|fhir)\/[\w/-]+(?=')/g)),
].sort();
export const LISTED = Object.keys(AREAS).sort();

export const ROLES = ['patient', 'doctor', 'specialist', 'caregiver', 'manager', 'maker', 'administrator'] as const;
export type Role = (typeof ROLES)[number];

interface Right {
  path: string;
  body?: object;
  /** Status for every role that `other` does not name. */
  status: number;
  other?: Partial<Record<Role, number>>;
}

const NOBODY = '00000000-0000-4000-8000-000000000000';
const onlyPatient = (status: number) => ({ status: 403, other: { patient: status } });
const onlyAdministrator = (status = 200) => ({ status: 403, other: { administrator: status } });
const note = { subjective: 'x', version: 0 };

/** By route; routes without sign-in (`/api/session…`, `/api/oauth…`) are the tests' own matter (test/identity). */
export const rightsAt = (it: ForeignFacility): Record<string, Right> => ({
  'GET /api/people': { path: '/api/people', status: 403, other: { manager: 200, administrator: 200 } },
  'POST /api/people': {
    path: '/api/people',
    body: { name: '城間', email: 'new@neighbour.example', reference: `Practitioner/${it.practitioner}` },
    ...onlyAdministrator(409),
  },
  'POST /api/people/:account/link': { path: `/api/people/${it.account}/link`, body: {}, ...onlyAdministrator(201) },
  'GET /api/people/:account/sessions': { path: `/api/people/${it.account}/sessions`, ...onlyAdministrator() },
  'DELETE /api/people/:account/sessions': { path: `/api/people/${it.account}/sessions`, ...onlyAdministrator(204) },
  'POST /api/people/:account/end': { path: `/api/people/${it.account}/end`, body: {}, ...onlyAdministrator() },
  'POST /api/people/:account/reactivate': { path: `/api/people/${it.account}/reactivate`, body: {}, ...onlyAdministrator() },
  'GET /api/apps': { path: '/api/apps', ...onlyAdministrator() },
  'POST /api/apps': { path: '/api/apps', body: {}, ...onlyAdministrator(422) },
  'POST /api/apps/:app/end': { path: `/api/apps/${NOBODY}/end`, body: {}, ...onlyAdministrator(404) },
  'GET /api/state/roles': { path: '/api/state/roles', ...onlyAdministrator() },
  'GET /api/devices': { path: `/api/devices?facility=${it.facility}`, ...onlyAdministrator() },
  'POST /api/devices': {
    path: '/api/devices',
    body: { facility: it.facility, profile: 'bed', subject: `Patient/${it.patient}` },
    ...onlyAdministrator(422),
  },
  'POST /api/bench/runs': { path: '/api/bench/runs', body: { facility: it.facility, device: 'x' }, status: 403 },
  'GET /api/bench/runs': { path: `/api/bench/runs?facility=${it.facility}&device=x`, status: 403 },
  'GET /api/bench/runs/:run': { path: `/api/bench/runs/${NOBODY}`, status: 404 },
  'POST /api/bench/runs/:run/stop': { path: `/api/bench/runs/${NOBODY}/stop`, body: {}, status: 404 },
  'GET /api/bench/runs/:run/report.json': { path: `/api/bench/runs/${NOBODY}/report.json`, status: 404 },
  'GET /api/bench/runs/:run/report.html': { path: `/api/bench/runs/${NOBODY}/report.html`, status: 404 },
  'GET /api/bench/contract': { path: '/api/bench/contract', status: 403, other: { maker: 200, manager: 200, administrator: 200 } },
  'GET /api/bench/key': { path: '/api/bench/key', status: 403, other: { maker: 200, manager: 200, administrator: 200 } },
  'GET /api/devices/profiles': { path: '/api/devices/profiles', status: 200 },
  'POST /api/devices/gateways': { path: '/api/devices/gateways', body: { facility: it.facility }, ...onlyAdministrator(201) },
  'GET /api/devices/coverage': { path: `/api/devices/coverage?facility=${it.facility}`, ...onlyAdministrator() },
  'PUT /api/devices/:device/assignment': { path: `/api/devices/${it.device}/assignment`, body: { subject: null }, ...onlyAdministrator() },
  'GET /api/devices/:device/refusals': { path: `/api/devices/${it.device}/refusals`, ...onlyAdministrator() },
  'POST /api/devices/:device/rotate': { path: `/api/devices/${it.device}/rotate`, body: {}, ...onlyAdministrator() },
  'POST /api/devices/:device/revoke': { path: `/api/devices/${it.device}/revoke`, body: {}, ...onlyAdministrator() },
  'POST /api/devices/:device/renew': { path: `/api/devices/${it.device}/renew`, body: {}, ...onlyAdministrator(409) },
  'GET /api/devices/:device/config': { path: `/api/devices/${it.device}/config`, ...onlyAdministrator() },
  'PUT /api/devices/:device/config': { path: `/api/devices/${it.device}/config`, body: {}, ...onlyAdministrator(409) },
  'GET /api/devices/ca.pem': { path: '/api/devices/ca.pem', status: 200 },
  'GET /api/vitals/:patient': { path: `/api/vitals/${it.patient}`, status: 403 },
  'GET /api/alarms/limits/:patient': { path: `/api/alarms/limits/${it.patient}`, status: 403 },
  'PUT /api/alarms/limits/:patient': { path: `/api/alarms/limits/${it.patient}`, body: { limits: {} }, status: 403 },
  'GET /api/alerts': { path: `/api/alerts?facility=${it.facility}`, status: 403 },
  'GET /api/alerts/floor': { path: `/api/alerts/floor?facility=${it.facility}`, status: 403 },
  'GET /api/alerts/hint/:patient': { path: `/api/alerts/hint/${it.patient}`, status: 404 },
  'PUT /api/alerts/hint/:patient': { path: `/api/alerts/hint/${it.patient}`, body: { text: 'x' }, status: 403 },
  'GET /api/alerts/:id': { path: `/api/alerts/${it.alert}`, status: 403 },
  'GET /api/alerts/:id/history': { path: `/api/alerts/${it.alert}/history`, status: 403 },
  'POST /api/alerts/:id/acknowledge': { path: `/api/alerts/${it.alert}/acknowledge`, body: {}, status: 403 },
  'POST /api/alerts/:id/outcome': { path: `/api/alerts/${it.alert}/outcome`, body: { outcome: 'false' }, status: 403 },
  'POST /api/alerts/:id/consult': { path: `/api/alerts/${it.alert}/consult`, body: {}, status: 403 },
  'GET /api/alerts/on-call/:facility': { path: `/api/alerts/on-call/${it.facility}`, status: 403 },
  'PUT /api/alerts/on-call/:facility': { path: `/api/alerts/on-call/${it.facility}`, body: {}, status: 403 },
  'GET /api/alerts/handover/:facility': { path: `/api/alerts/handover/${it.facility}`, status: 403 },
  'POST /api/alerts/handover/:facility': {
    path: `/api/alerts/handover/${it.facility}`,
    body: { from: '2026-01-01T00:00:00Z' },
    status: 403,
  },
  'GET /api/alerts/handover/:facility/shifts': { path: `/api/alerts/handover/${it.facility}/shifts`, status: 403 },
  'PUT /api/alerts/handover/:facility/shifts': { path: `/api/alerts/handover/${it.facility}/shifts`, body: {}, status: 403 },
  'GET /api/alerts/budget/:facility': { path: `/api/alerts/budget/${it.facility}`, status: 403 },
  'PUT /api/alerts/budget/:facility': { path: `/api/alerts/budget/${it.facility}`, body: {}, status: 403 },
  'DELETE /api/alerts/budget/:facility': { path: `/api/alerts/budget/${it.facility}`, status: 403 },
  'GET /api/alerts/push/key': { path: '/api/alerts/push/key', status: 200 },
  'POST /api/alerts/push': { path: '/api/alerts/push', body: {}, status: 403, other: { caregiver: 422, manager: 422 } },
  'POST /api/alerts/push/state': { path: '/api/alerts/push/state', body: { endpoint: 'https://push.example/x' }, status: 200 },
  'POST /api/alerts/push/end': { path: '/api/alerts/push/end', body: { endpoint: 'https://push.example/x' }, status: 200 },
  'GET /api/learning/:facility': { path: `/api/learning/${it.facility}`, status: 403 },
  'POST /api/learning/:facility/review': { path: `/api/learning/${it.facility}/review`, body: {}, status: 403 },
  'POST /api/learning/:facility/adopt': { path: `/api/learning/${it.facility}/adopt`, body: { version: null }, status: 403 },
  'POST /api/learning/:facility/decline': { path: `/api/learning/${it.facility}/decline`, body: { version: NOBODY }, status: 403 },
  'POST /api/learning/:facility/person': {
    path: `/api/learning/${it.facility}/person`,
    body: { patient: it.patient, value: null },
    status: 403,
  },
  'POST /api/learning/:facility/person/decline': {
    path: `/api/learning/${it.facility}/person/decline`,
    body: { patient: it.patient, value: NOBODY },
    status: 403,
  },
  'POST /api/learning/:facility/episodes': {
    path: `/api/learning/${it.facility}/episodes`,
    body: { patient: it.patient, onset: new Date(Date.now() - 60_000).toISOString() },
    status: 403,
  },
  'POST /api/consult/encounters': {
    path: '/api/consult/encounters',
    body: { pattern: 'DtoP', patient: it.patient, reason: 'x' },
    status: 403,
  },
  'GET /api/consult/encounters': { path: '/api/consult/encounters', status: 200 },
  'GET /api/consult/encounters/:id': { path: `/api/consult/encounters/${it.encounter}`, status: 403 },
  'POST /api/consult/encounters/:id/invite': {
    path: `/api/consult/encounters/${it.encounter}/invite`,
    body: { practitioner: it.practitioner },
    status: 403,
  },
  'GET /api/consult/encounters/:id/card/:practitioner': {
    path: `/api/consult/encounters/${it.encounter}/card/${it.practitioner}`,
    status: 403,
  },
  'GET /api/consult/stills/:encounter': { path: `/api/consult/stills/${it.encounter}`, status: 403 },
  'GET /api/consult/stills/:encounter/:hash': { path: `/api/consult/stills/${it.encounter}/${'0'.repeat(64)}`, status: 403 },
  'POST /api/consult/stills/:encounter/:still': {
    path: `/api/consult/stills/${it.encounter}/${crypto.randomUUID()}`,
    body: {},
    status: 409,
  },
  'GET /api/consult/people': { path: '/api/consult/people', status: 403, other: { doctor: 200, specialist: 200 } },
  'GET /api/consult/encounters/:id/note': { path: `/api/consult/encounters/${it.encounter}/note`, status: 403 },
  'PUT /api/consult/encounters/:id/note': { path: `/api/consult/encounters/${it.encounter}/note`, body: note, status: 403 },
  'POST /api/consult/encounters/:id/note/sign': { path: `/api/consult/encounters/${it.encounter}/note/sign`, body: {}, status: 403 },
  'GET /api/records/deliveries': {
    path: '/api/records/deliveries',
    status: 403,
    other: { doctor: 200, specialist: 200, administrator: 200 },
  },
  'POST /api/records/deliveries/:id/retry': { path: `/api/records/deliveries/${NOBODY}/retry`, body: {}, ...onlyAdministrator(404) },
  'GET /api/records/audit': { path: `/api/records/audit?patient=${it.patient}`, ...onlyAdministrator() },
  // The patient's own record is the patient's: everyone else is refused before anything is looked up.
  'GET /api/phr/imports': { path: '/api/phr/imports', ...onlyPatient(200) },
  'POST /api/phr/imports': { path: '/api/phr/imports', body: { name: 'x.json', size: 2 }, ...onlyPatient(201) },
  'GET /api/phr/imports/:id': { path: `/api/phr/imports/${NOBODY}`, ...onlyPatient(404) },
  'PUT /api/phr/imports/:id/parts/:number': { path: `/api/phr/imports/${NOBODY}/parts/0`, body: {}, ...onlyPatient(404) },
  'POST /api/phr/imports/:id/check': { path: `/api/phr/imports/${NOBODY}/check`, body: {}, ...onlyPatient(404) },
  'POST /api/phr/imports/:id/take': { path: `/api/phr/imports/${NOBODY}/take`, body: { confirmed: true }, ...onlyPatient(404) },
  'POST /api/phr/imports/:id/stop': { path: `/api/phr/imports/${NOBODY}/stop`, body: {}, ...onlyPatient(404) },
  'POST /api/phr/imports/:id/undo': { path: `/api/phr/imports/${NOBODY}/undo`, body: {}, ...onlyPatient(404) },
  'GET /api/phr/imports/:id/file': { path: `/api/phr/imports/${NOBODY}/file`, ...onlyPatient(404) },
  'GET /api/phr/requests': { path: `/api/phr/requests?patient=${it.patient}`, status: 403 },
  'POST /api/phr/requests': {
    path: '/api/phr/requests',
    body: { patient: it.patient, organization: it.facility, what: 'x' },
    status: 403,
  },
  'POST /api/phr/requests/:id/answer': { path: `/api/phr/requests/${NOBODY}/answer`, body: { allow: true }, ...onlyPatient(404) },
  'POST /api/phr/requests/:id/end': { path: `/api/phr/requests/${NOBODY}/end`, body: {}, ...onlyPatient(404) },
  'GET /api/phr/shares': { path: '/api/phr/shares', ...onlyPatient(200) },
  'POST /api/phr/shares': {
    path: '/api/phr/shares',
    body: { categories: ['vitals'], minutes: 10, since: null, purpose: 'x', pin: null },
    ...onlyPatient(201),
  },
  'POST /api/phr/shares/:id/end': { path: `/api/phr/shares/${NOBODY}/end`, body: {}, ...onlyPatient(404) },
  'GET /api/phr/downloads': { path: '/api/phr/downloads', ...onlyPatient(200) },
  'POST /api/phr/downloads': { path: '/api/phr/downloads', body: {}, ...onlyPatient(202) },
  'GET /api/phr/downloads/:id/file': { path: `/api/phr/downloads/${NOBODY}/file`, ...onlyPatient(404) },
  'GET /api/phr/erasures': { path: '/api/phr/erasures', ...onlyPatient(200) },
  'POST /api/phr/erasures': { path: '/api/phr/erasures', body: { what: 'charts', wish: '' }, ...onlyPatient(202) },
  'GET /api/phr/erasures/all': { path: '/api/phr/erasures/all', ...onlyAdministrator() },
  'POST /api/phr/erasures/:id/decision': {
    path: `/api/phr/erasures/${NOBODY}/decision`,
    body: { reason: 'x' },
    ...onlyAdministrator(404),
  },
  'GET /api/records/audit/export': { path: `/api/records/audit/export?format=ndjson&patient=${it.patient}`, ...onlyAdministrator() },
  'GET /api/records/sharing/rules': { path: '/api/records/sharing/rules', status: 403, other: { patient: 200 } },
  'POST /api/records/sharing/rules': {
    path: '/api/records/sharing/rules',
    body: { effect: 'deny', party: `Organization/${NOBODY}` },
    status: 403,
    other: { patient: 404 },
  },
  'PUT /api/records/sharing/rules/:consent': {
    path: `/api/records/sharing/rules/${NOBODY}`,
    body: { stands: false },
    status: 403,
    other: { patient: 404 },
  },
  'GET /api/records/sharing/people': { path: '/api/records/sharing/people?name=x', status: 403, other: { patient: 200 } },
  'GET /api/records/proxies/:patient': { path: `/api/records/proxies/${it.patient}`, ...onlyAdministrator() },
  'POST /api/records/proxies/:patient': {
    path: `/api/records/proxies/${it.patient}`,
    body: { name: '城間', relationship: 'guardian' },
    ...onlyAdministrator(422),
  },
  'POST /api/records/proxies/:patient/:id/end': {
    path: `/api/records/proxies/${it.patient}/${NOBODY}/end`,
    body: {},
    ...onlyAdministrator(404),
  },
  'GET /api/emergency/notices': { path: '/api/emergency/notices', status: 200 },
  'GET /api/emergency/areas': { path: '/api/emergency/areas', status: 200, other: { patient: 403, maker: 403 } },
  'POST /api/emergency/areas': { path: '/api/emergency/areas', body: {}, ...onlyAdministrator(422) },
  'POST /api/emergency/areas/:id/end': { path: `/api/emergency/areas/${NOBODY}/end`, body: {}, ...onlyAdministrator(404) },
  'POST /api/emergency/find': { path: '/api/emergency/find', body: { insured: '00012345:1:1:05' }, status: 403 },
  'POST /api/emergency/grants': {
    path: '/api/emergency/grants',
    body: { patient: it.patient, reason: 'unconscious', words: 'x' },
    status: 403,
  },
  'GET /api/emergency/grants/:id': { path: `/api/emergency/grants/${NOBODY}`, status: 404 },
  'POST /api/emergency/grants/:id/end': { path: `/api/emergency/grants/${NOBODY}/end`, body: {}, status: 404 },
  'GET /api/emergency/reviews': { path: '/api/emergency/reviews', ...onlyAdministrator() },
  'POST /api/emergency/reviews/:id': {
    path: `/api/emergency/reviews/${NOBODY}`,
    body: { verdict: 'justified', words: 'x' },
    ...onlyAdministrator(404),
  },
  'GET /api/emergency/staff': { path: '/api/emergency/staff', ...onlyAdministrator() },
  'POST /api/emergency/staff/:role': { path: `/api/emergency/staff/${NOBODY}`, body: { entitled: true }, ...onlyAdministrator(404) },
  'GET /api/emergency/mine': { path: '/api/emergency/mine', status: 403, other: { patient: 200 } },
  'POST /api/emergency/mine/seen': { path: '/api/emergency/mine/seen', body: {}, status: 403, other: { patient: 200 } },
  'GET /api/records/timeline/:patient': { path: `/api/records/timeline/${it.patient}`, status: 403 },
  'GET /api/records/elsewhere/:patient': { path: `/api/records/elsewhere/${it.patient}`, status: 403 },
  'PUT /api/records/elsewhere/:patient': { path: `/api/records/elsewhere/${it.patient}`, body: { days: 1 }, status: 403 },
  'POST /api/records/elsewhere/:patient': { path: `/api/records/elsewhere/${it.patient}`, status: 403 },
  'GET /api/records/drafts': { path: `/api/records/drafts?patient=${it.patient}`, status: 403 },
  'POST /api/records/drafts': { path: '/api/records/drafts', body: { kind: 'bpsd', patient: it.patient }, status: 403 },
  'GET /api/records/drafts/:id': { path: `/api/records/drafts/${NOBODY}`, status: 404 },
  'PUT /api/records/drafts/:id': { path: `/api/records/drafts/${NOBODY}`, body: { version: 1, content: {} }, status: 404 },
  'DELETE /api/records/drafts/:id': { path: `/api/records/drafts/${NOBODY}`, status: 404 },
  'POST /api/records/drafts/:id/confirm': {
    path: `/api/records/drafts/${NOBODY}/confirm`,
    body: { version: 1 },
    status: 403,
    other: { doctor: 404, specialist: 404 },
  },
  'POST /api/records/documents/:id/amend': { path: `/api/records/documents/${it.document}/amend`, body: { reason: '…' }, status: 403 },
  'POST /api/records/deliveries/:id/correct': {
    path: `/api/records/deliveries/${NOBODY}/correct`,
    body: { insuredNumber: '00012345:1:1:' },
    status: 404,
  },
  'POST /api/records/deliveries/:id/give-up': {
    path: `/api/records/deliveries/${NOBODY}/give-up`,
    body: { reason: '…' },
    ...onlyAdministrator(404),
  },
  'GET /api/records/documents/:file{[A-Za-z0-9.-]+\\.pdf}': { path: `/api/records/documents/${it.document}.pdf`, status: 403 },
  'GET /api/records/documents/:id/view': { path: `/api/records/documents/${it.document}/view`, status: 403 },
  'GET /api/records/documents/:id': { path: `/api/records/documents/${it.document}`, status: 403 },
  'GET /api/records/sharing': { path: '/api/records/sharing', status: 403, other: { patient: 200 } },
  'POST /api/records/sharing': {
    path: '/api/records/sharing',
    body: { organization: NOBODY, allow: false },
    status: 403,
    other: { patient: 404 },
  },
  // Of a subscription that is not there: whoever could have one hears that, all others that they may not.
  'GET /fhir/R4/Subscription': { path: '/fhir/R4/Subscription', status: 200, other: { maker: 403, administrator: 403 } },
  'POST /fhir/R4/Subscription': { path: '/fhir/R4/Subscription', body: {}, status: 422, other: { maker: 403, administrator: 403 } },
  'GET /fhir/R4/Subscription/:id': {
    path: `/fhir/R4/Subscription/${NOBODY}`,
    status: 404,
    other: { maker: 403, administrator: 403 },
  },
  'PUT /fhir/R4/Subscription/:id': {
    path: `/fhir/R4/Subscription/${NOBODY}`,
    body: {},
    status: 404,
    other: { maker: 403, administrator: 403 },
  },
  'DELETE /fhir/R4/Subscription/:id': {
    path: `/fhir/R4/Subscription/${NOBODY}`,
    status: 404,
    other: { maker: 403, administrator: 403 },
  },
  // Whoever may export is told that the answer must be waited for (400: no Prefer header).
  'GET /fhir/R4/$export': { path: '/fhir/R4/$export?purpose=HOPERAT', ...onlyAdministrator(400) },
  'POST /fhir/R4/$export': { path: '/fhir/R4/$export?purpose=HOPERAT', body: {}, ...onlyAdministrator(400) },
  'GET /fhir/R4/Patient/$export': {
    path: '/fhir/R4/Patient/$export?purpose=HOPERAT',
    status: 403,
    other: { doctor: 400, administrator: 400 },
  },
  'POST /fhir/R4/Patient/$export': {
    path: '/fhir/R4/Patient/$export?purpose=HOPERAT',
    body: {},
    status: 403,
    other: { doctor: 400, administrator: 400 },
  },
  'GET /fhir/R4/Group/:id/$export': { path: `/fhir/R4/Group/${it.facility}/$export?purpose=HOPERAT`, ...onlyAdministrator(400) },
  'POST /fhir/R4/Group/:id/$export': {
    path: `/fhir/R4/Group/${it.facility}/$export?purpose=HOPERAT`,
    body: {},
    ...onlyAdministrator(400),
  },
  'GET /fhir/R4/$export-status/:id': { path: `/fhir/R4/$export-status/${NOBODY}`, status: 404 },
  'DELETE /fhir/R4/$export-status/:id': { path: `/fhir/R4/$export-status/${NOBODY}`, status: 404 },
  'GET /fhir/R4/$export-file/:id/:file': { path: `/fhir/R4/$export-file/${NOBODY}/Patient.ndjson`, status: 404 },
  'GET /fhir/R4/AuditEvent': { path: `/fhir/R4/AuditEvent?patient=${it.patient}`, ...onlyAdministrator() },
  'GET /fhir/R4/AuditEvent/:id': { path: '/fhir/R4/AuditEvent/999999999', status: 403, other: { patient: 404, administrator: 404 } },
  'GET /fhir/R4/metadata': { path: '/fhir/R4/metadata', status: 200 },
  'GET /fhir/R4/*': { path: `/fhir/R4/Patient/${it.patient}`, status: 403 },
});
