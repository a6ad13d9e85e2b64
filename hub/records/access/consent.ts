// Who may do what with a person's data, as one table: by relation, role and category. What patients decide is laid over it in access.ts.
import type { Resource } from '@medplum/fhirtypes';
import type { Actor, Person, PersonRole, Service } from '../../identity/actor.ts';
import { type Action, CATEGORIES, type Category } from '../records.ts';
import type { Purpose } from './provisions.ts';

const READING: readonly Action[] = ['read', 'search', 'export'];
const WRITING: readonly Action[] = ['create', 'update', 'delete'];

/** A reason to be let in: the actor stands in `kind` to the patient through one of `parties`, and that opens `categories`. */
export interface Ground {
  kind: 'treats' | 'residence' | 'consulted' | 'share' | 'phr' | 'granted' | 'emergency' | 'self' | 'everyone';
  /**
   * `Organization/…`, `Practitioner/…`, `urn:uuid:…` of a link that the patient made; for `granted` also `RelatedPerson/…`; for `self` a
   * Patient id; for `emergency` the id of an emergency grant.
   */
  parties: string[];
  categories: Category[];
}

type Rule = Partial<Record<Category, readonly Action[]>>;

const all = (actions: readonly Action[], categories: readonly Category[] = CATEGORIES): Rule =>
  Object.fromEntries(categories.map(category => [category, actions]));

/** A doctor of the organization that treats the patient. Only the patient changes what is shared. */
const DOCTOR: Rule = { ...all([...READING, ...WRITING, 'join']), sharing: READING, phr: [] };
/** What the patient brought along is for those whom the patient has given it, one by one. */
const GIVEN_PHR: Rule = { phr: READING };
/** Those who care for a resident see what care needs, and not what was said to the doctor. */
const CAREGIVER: Rule = {
  demographics: ['read', 'search'],
  vitals: ['read', 'search', 'create'],
  risk: ['read', 'search', 'update'],
};
const MANAGER: Rule = { ...CAREGIVER, demographics: ['read', 'search', 'create', 'update'] };
/** A clinician who took part in a consultation, until 30 days after its end. */
const CONSULTED: Rule = {
  consultation: [...READING, 'create', 'update', 'join'],
  document: [...READING, 'create'],
  vitals: [...READING, 'create'],
  risk: [...READING, 'create'],
  summary: [...READING, 'create'],
  demographics: READING,
};
const CONSULTED_CARER: Rule = { consultation: ['read', 'search', 'join'], demographics: ['read', 'search'] };
const SELF: Rule = {
  ...all(READING),
  // Of PATIENT_WRITES only: answers to a form, a line in the chat.
  consultation: [...READING, 'create', 'join'],
  sharing: [...READING, ...WRITING],
};

const AT_ORGANIZATION: Readonly<Partial<Record<PersonRole, { kinds: ('treats' | 'residence')[]; rule: Rule }>>> = {
  doctor: { kinds: ['treats'], rule: DOCTOR },
  caregiver: { kinds: ['treats', 'residence'], rule: CAREGIVER },
  manager: { kinds: ['treats', 'residence'], rule: MANAGER },
};

/** What the hub's own parts may do, each by its name, for all patients. */
const SERVICES: Readonly<Record<Service['name'], Rule>> = {
  setup: all([...READING, ...WRITING, 'join']),
  ingest: { demographics: ['read', 'search'], vitals: ['read', 'search', 'create', 'update'] },
  predict: { demographics: ['read', 'search'], vitals: ['read', 'search'], risk: ['read', 'search', 'create', 'update'] },
  alerts: { demographics: ['read', 'search'], vitals: ['read', 'search'], risk: ['read', 'search', 'create', 'update'] },
  // Stills and recordings of a consultation are documents; the room writes them down and does not read them back.
  consult: { demographics: ['read', 'search'], consultation: ['read', 'search', 'create', 'update', 'join'], document: ['create'] },
  // Says of a document that it was replaced, stamps it, and takes documents over from the shared platform.
  documents: {
    document: ['read', 'search', 'create', 'update'],
    summary: ['read', 'search', 'create', 'update'],
    consultation: ['read', 'search', 'create', 'update'],
    vitals: ['read', 'search', 'create', 'update'],
    demographics: ['read', 'search'],
    sharing: ['read', 'search'],
  },
  outbox: { document: ['read', 'search', 'export'], demographics: ['read', 'search'] },
  phr: { demographics: ['read', 'search'], phr: ['read', 'search', 'create', 'delete'] },
};

/** What may be opened in an emergency, and what a permit of the patient can open to those who care but do not treat. */
export const EMERGENCY: readonly Category[] = ['demographics', 'summary'];
const TO_CARERS = CATEGORIES.filter(category => category !== 'sharing' && category !== 'phr');
const LOOKING: readonly Action[] = ['read', 'search'];

/** The grounds on which the actor may do `action`; which of them hold for a patient is for the database to say. */
export function groundsOf(actor: Actor, action: Action): Ground[] {
  if (actor.kind === 'service') return keep([{ kind: 'everyone', parties: [], categories: opened(SERVICES[actor.name], action) }]);
  if (actor.share) {
    const opens = CATEGORIES.filter(category => actor.share?.categories.includes(category));
    return keep([
      { kind: 'share', parties: [`urn:uuid:${actor.share.id}`], categories: action === 'read' || action === 'search' ? opens : [] },
    ]);
  }
  if (actor.emergency)
    return LOOKING.includes(action) ? [{ kind: 'emergency', parties: [actor.emergency.grant], categories: [...EMERGENCY] }] : [];
  const grounds: Ground[] = LOOKING.includes(action) ? grantable(actor) : [];
  // Everything, for a purpose that was named: the bulk export of an administrator. What patients deny stays out.
  if (action === 'export' && actor.purpose && actor.roles.some(({ role }) => role === 'administrator'))
    grounds.push({ kind: 'everyone', parties: [], categories: TO_CARERS });
  if (actor.reference?.startsWith('Patient/')) {
    grounds.push({ kind: 'self', parties: [actor.reference.slice('Patient/'.length)], categories: opened(SELF, action) });
  }
  for (const { role, organization } of actor.roles) {
    const right = AT_ORGANIZATION[role];
    if (!right || !organization) continue;
    for (const kind of right.kinds)
      grounds.push({ kind, parties: [`Organization/${organization}`], categories: opened(right.rule, action) });
    if (role === 'doctor') grounds.push({ kind: 'phr', parties: [`Organization/${organization}`], categories: opened(GIVEN_PHR, action) });
  }
  if (actor.reference?.startsWith('Practitioner/')) {
    const clinician = actor.roles.some(({ role }) => role === 'doctor' || role === 'specialist');
    const carer = actor.roles.some(({ role }) => role === 'caregiver' || role === 'manager');
    if (clinician || carer) {
      grounds.push({ kind: 'consulted', parties: [actor.reference], categories: opened(clinician ? CONSULTED : CONSULTED_CARER, action) });
    }
  }
  return keep(grounds);
}

/** As whom a patient can permit the actor to look: by name, as staff of an organization, as one who acts for the patient. */
function grantable(actor: Person): Ground[] {
  if (actor.reference?.startsWith('RelatedPerson/')) return [{ kind: 'granted', parties: [actor.reference], categories: [...CATEGORIES] }];
  if (!actor.reference?.startsWith('Practitioner/')) return [];
  const at = (roles: readonly PersonRole[]) =>
    actor.roles.filter(held => roles.includes(held.role) && held.organization).map(held => `Organization/${held.organization}`);
  const clinics = at(CLINICIANS);
  const grounds: Ground[] = [];
  if (clinics.length) grounds.push({ kind: 'granted', parties: [actor.reference, ...clinics], categories: [...CATEGORIES] });
  const cares = at(['caregiver', 'manager']);
  if (cares.length) grounds.push({ kind: 'granted', parties: [actor.reference, ...cares], categories: TO_CARERS });
  return grounds;
}
const CLINICIANS: readonly PersonRole[] = ['doctor', 'specialist'];

/** Whether a permit that names nobody means the actor too: all who treat, at whichever hospital. */
export const isClinician = (actor: Actor): boolean => actor.kind === 'person' && actor.roles.some(({ role }) => CLINICIANS.includes(role));

/** Whether the actor looks as the patient or for the patient: then what the patient was not told yet stays closed. */
export const looksAsPatient = (actor: Actor): boolean =>
  actor.kind === 'person' && (actor.share !== undefined || /^(Patient|RelatedPerson)\//.test(actor.reference ?? ''));

/** Why the actor looks, as a consent names it. Nobody says so of themselves: it follows from who they are. */
export function purposeOf(actor: Actor): Purpose {
  if (actor.kind === 'service') return ['setup', 'outbox'].includes(actor.name) ? 'HOPERAT' : 'TREAT';
  if (actor.emergency) return 'ETREAT';
  if (looksAsPatient(actor)) return 'PATRQT';
  return actor.purpose ?? 'TREAT';
}

/** As whom a patient can deny the actor: the own reference and every organization the actor works for. */
export function deniableAs(actor: Actor): string[] {
  if (actor.kind === 'service') return [];
  const organizations = actor.roles.filter(({ organization }) => organization).map(({ organization }) => `Organization/${organization}`);
  return [...new Set([...(actor.reference ? [actor.reference] : []), ...organizations])];
}

/** What of the set-up (resources that speak of no patient) an actor may read: a type at all, or only what belongs to some organizations. */
export function setupSeen(actor: Actor, type: string): 'all' | 'none' | { organizations: string[] } {
  if (actor.kind === 'service') return 'all';
  const roles = new Set<string>(actor.roles.map(({ role }) => role));
  if (['doctor', 'specialist', 'caregiver', 'manager', 'administrator'].some(role => roles.has(role))) return 'all';
  if (roles.has('maker')) {
    if (type === 'Organization') return 'all';
    const organizations = actor.roles.filter(({ role }) => role === 'maker').map(({ organization }) => `Organization/${organization}`);
    return type === 'Device' || type === 'Location' ? { organizations } : 'none';
  }
  // A patient, and who acts for one, can always see who the doctor is and where the doctor works.
  const open = ['Organization', 'Practitioner', 'PractitionerRole', 'Location', 'Questionnaire'].includes(type);
  return (actor.reference !== null || actor.share) && open ? 'all' : 'none';
}

/** What a patient may put into the own record; the rest is for those who treat. */
export const PATIENT_WRITES: ReadonlySet<string> = new Set(['Consent', 'Communication', 'QuestionnaireResponse']);

/** Whether a message speaks in the name of who writes it: the chat of a consultation shows it as said by its sender. */
export function inOwnName(actor: Actor, resource: Resource): boolean {
  if (actor.kind === 'service' || resource.resourceType !== 'Communication') return true;
  return !resource.sender || (resource.sender.reference !== undefined && resource.sender.reference === actor.reference);
}

/** Roles that the manager of a facility gives out; all others would let a manager make a doctor of anyone. */
const GIVEN_BY_MANAGER: ReadonlySet<string> = new Set(['caregiver']);

/** What a resource of the set-up is about: the organizations it belongs to, and the roles of this hub that it gives. */
export interface SetupFacts {
  organizations: string[];
  roles: string[];
}

/** Whether the actor may write such a resource. */
export function mayWriteSetup(actor: Actor, type: string, { organizations, roles }: SetupFacts, action: Action): boolean {
  if (actor.kind === 'service') return actor.name === 'setup' || (actor.name === 'ingest' && type === 'Device');
  const holds = (role: PersonRole, at?: string) => actor.roles.some(held => held.role === role && (!at || held.organization === at));
  if (holds('administrator')) return true;
  const own = (role: PersonRole) => organizations.length > 0 && organizations.every(organization => holds(role, organization));
  if (type === 'Device' || type === 'Location') return own('manager') || own('maker');
  if (type === 'Organization') return action === 'update' && own('manager');
  if (type === 'Practitioner') return action === 'create' ? holds('manager') : own('manager');
  return own('manager') && roles.every(role => GIVEN_BY_MANAGER.has(role));
}

/** The role an audit entry names: the one that most likely gave the access. */
export function roleOf(actor: Person): { role: string; organization: string; organizationName: string } {
  const order: PersonRole[] = ['doctor', 'specialist', 'caregiver', 'manager', 'maker', 'administrator', 'patient'];
  const held = [...actor.roles].sort((a, b) => order.indexOf(a.role) - order.indexOf(b.role))[0];
  return (
    held ?? {
      role: actor.share ? 'share' : actor.reference?.startsWith('Patient/') ? 'patient' : 'none',
      organization: '',
      organizationName: '',
    }
  );
}

const opened = (rule: Rule, action: Action): Category[] => CATEGORIES.filter(category => rule[category]?.includes(action));
const keep = (grounds: Ground[]) => grounds.filter(ground => ground.categories.length > 0);
