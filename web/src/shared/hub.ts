// The types of the hub's interface that pages use: the only door from the web application to `hub/`, and for types alone.
export type { LimitsView, LimitView } from '../../../hub/alarms/contract.ts';
export type {
  AlertKind,
  AlertView,
  FloorView,
  HandoverView,
  Happening,
  LevelPoint,
  ModelView,
  OnCallView,
  Outcome,
  PredictionView,
  Reason,
  ResidentTile,
  RiskState,
  Shift,
  Step,
  Tier,
  Way,
} from '../../../hub/alerts/contract.ts';
export type { CheckView, ContractView, RunView, SigningKeyView } from '../../../hub/bench/contract.ts';
export type { EncounterStatus, EncounterView, Invitable, NoteView, ParticipantView, Pattern } from '../../../hub/consult/contract.ts';
export type { ProblemBody, Text } from '../../../hub/http/problem.ts';
export type { Factor, PersonRole, RoleAt } from '../../../hub/identity/actor.ts';
export type {
  AppView,
  AskedView,
  FactorsView,
  LicenceView,
  LinkView,
  OidcAnswer,
  PasskeyView,
  PersonView,
  ProviderView,
  SessionView,
  SignedInAt,
  TotpView,
} from '../../../hub/identity/contract.ts';
export type {
  BenchMessage,
  CoverageView,
  Credentials,
  DeviceHealth,
  DeviceView,
  HealthSign,
  HealthSignName,
  ProfileView,
  RefusalView,
} from '../../../hub/ingest/contract.ts';
export type { LearningView, ModelVersionView, PersonValueView } from '../../../hub/learning/contract.ts';
export type {
  DownloadView,
  ErasureFacts,
  ErasureView,
  ImportView,
  LookView,
  RequestView,
  SharedView,
  ShareMade,
  ShareView,
} from '../../../hub/phr/contract.ts';
export type {
  AreaView,
  AuditView,
  Category,
  DeliveryView,
  DocumentView,
  DraftView,
  ElsewhereView,
  EmergencySummary,
  EntitledView,
  FoundPerson,
  GrantView,
  Notices,
  OpenedView,
  ProxyView,
  SectionView,
  Shareable,
  SharingRule,
  SharingRules,
  SharingView,
  SummaryLine,
  TimelineEntry,
  TimelinePage,
} from '../../../hub/records/contract.ts';
export type { DayView, LiveEvents, LiveVitals, Series } from '../../../hub/vitals/contract.ts';
