// Which page belongs to which path, for whom, and how it is called. Each page is a chunk of its own, loaded when it is opened.
import type { Component } from 'svelte';
import type { PersonRole, SessionView, Text } from './shared/hub.ts';
import type { IconName } from './shared/Icon.svelte';
import { match } from './shared/router.svelte.ts';

/** What every page gets beside the named parts of its path. */
export interface PageProps {
  session: SessionView;
}
type Loader = () => Promise<{ default: Component<PageProps> }>;

export interface Route {
  /** `/room/:encounter`: named parts become props of the page. */
  path: string;
  title: Text;
  page: Loader;
  /** Who may open it; missing: everyone, also without signing in. */
  roles?: readonly PersonRole[];
  /** The page follows the time of day in its theme. */
  byTime?: boolean;
  /** The page takes the whole window below the header. */
  whole?: boolean;
}

// A page's props are the session and the parts of its own path, which the router reads from that path.
const page = <Props extends object>(load: () => Promise<{ default: Component<Props> }>) => load as unknown as Loader;

const EVERYONE: readonly PersonRole[] = ['patient', 'doctor', 'specialist', 'caregiver', 'manager', 'maker', 'administrator'];

export const routes: Route[] = [
  { path: '/sign-in', title: { ja: 'サインイン', en: 'Sign in' }, page: page(() => import('./pages/entry/SignIn.svelte')) },
  { path: '/s', title: { ja: 'サインイン', en: 'Sign in' }, page: page(() => import('./pages/entry/Link.svelte')) },
  { path: '/first', title: { ja: '最初の管理者', en: 'First administrator' }, page: page(() => import('./pages/entry/First.svelte')) },
  { path: '/oidc/:provider', title: { ja: 'サインイン', en: 'Sign in' }, page: page(() => import('./pages/entry/Elsewhere.svelte')) },
  { path: '/enrol', title: { ja: 'はじめの設定', en: 'Set up sign-in' }, page: page(() => import('./pages/entry/Enrol.svelte')) },
  { path: '/second', title: { ja: 'もう一つの確認', en: 'Second factor' }, page: page(() => import('./pages/entry/Second.svelte')) },
  {
    path: '/apps',
    title: { ja: 'アプリと連携先', en: 'Apps and partners' },
    roles: ['administrator'],
    page: page(() => import('./pages/account/Apps.svelte')),
  },
  {
    path: '/authorize',
    title: { ja: 'アプリの許可', en: 'Allow an app' },
    roles: EVERYONE,
    page: page(() => import('./pages/account/Authorize.svelte')),
  },
  {
    path: '/account',
    title: { ja: '私のアカウント', en: 'My account' },
    roles: EVERYONE,
    page: page(() => import('./pages/account/Account.svelte')),
  },
  { path: '/today', title: { ja: '今日', en: 'Today' }, roles: ['patient'], page: page(() => import('./pages/patient/Today.svelte')) },
  {
    path: '/record',
    title: { ja: '私の記録', en: 'My record' },
    roles: ['patient'],
    page: page(() => import('./pages/patient/Record.svelte')),
  },
  {
    path: '/record/import',
    title: { ja: '記録を取り込む', en: 'Bring records along' },
    roles: ['patient'],
    page: page(() => import('./pages/patient/Import.svelte')),
  },
  {
    path: '/record/keep',
    title: { ja: '記録をもらう・消す', en: 'Download or erase' },
    roles: ['patient'],
    page: page(() => import('./pages/patient/Keep.svelte')),
  },
  {
    path: '/links',
    title: { ja: 'リンクで見せる', en: 'Show by a link' },
    roles: ['patient'],
    page: page(() => import('./pages/patient/Links.svelte')),
  },
  { path: '/shared', title: { ja: '共有された記録', en: 'Shared record' }, page: page(() => import('./pages/entry/Shared.svelte')) },
  {
    path: '/erasures',
    title: { ja: '消去の願い', en: 'Erasure' },
    roles: ['administrator'],
    page: page(() => import('./pages/state/Erasures.svelte')),
  },
  {
    path: '/sharing',
    title: { ja: '共有', en: 'Sharing' },
    roles: ['patient'],
    page: page(() => import('./pages/patient/Sharing.svelte')),
  },
  {
    path: '/looked',
    title: { ja: '誰が見たか', en: 'Who has looked' },
    roles: ['patient'],
    page: page(() => import('./pages/patient/Looked.svelte')),
  },
  {
    path: '/emergency',
    title: { ja: '緊急閲覧', en: 'Emergency access' },
    roles: ['doctor', 'specialist', 'caregiver', 'manager'],
    page: page(() => import('./pages/emergency/Emergency.svelte')),
  },
  {
    path: '/acts-for/:patient',
    title: { ja: '代わりに見る人', en: 'Who acts for the patient' },
    roles: ['administrator'],
    page: page(() => import('./pages/state/ActsFor.svelte')),
  },
  {
    path: '/emergency/reviews',
    title: { ja: '緊急と災害', en: 'Emergencies' },
    roles: ['administrator'],
    page: page(() => import('./pages/emergency/Reviews.svelte')),
  },
  {
    path: '/worklist',
    title: { ja: '今日の診察', en: 'Worklist' },
    roles: ['doctor'],
    page: page(() => import('./pages/doctor/Worklist.svelte')),
  },
  {
    path: '/documents',
    title: { ja: '文書と送り先', en: 'Documents' },
    roles: ['doctor', 'specialist'],
    page: page(() => import('./pages/doctor/Documents.svelte')),
  },
  {
    path: '/document/:document',
    title: { ja: '文書', en: 'Document' },
    roles: ['patient', 'doctor', 'specialist'],
    page: page(() => import('./pages/document/Document.svelte')),
  },
  {
    path: '/draft/:draft',
    title: { ja: '文書を書く', en: 'Write a document' },
    roles: ['doctor', 'specialist', 'caregiver', 'manager'],
    page: page(() => import('./pages/document/Draft.svelte')),
  },
  { path: '/inbox', title: { ja: '相談', en: 'Inbox' }, roles: ['specialist'], page: page(() => import('./pages/doctor/Inbox.svelte')) },
  {
    path: '/chart/:patient',
    title: { ja: '患者の記録', en: 'Chart' },
    roles: ['doctor', 'specialist'],
    page: page(() => import('./pages/doctor/Chart.svelte')),
  },
  {
    path: '/floor',
    title: { ja: 'フロア', en: 'Floor' },
    roles: ['caregiver', 'manager'],
    byTime: true,
    page: page(() => import('./pages/floor/Floor.svelte')),
  },
  {
    path: '/alert/:alert',
    title: { ja: 'お知らせ', en: 'Alert' },
    roles: ['caregiver', 'manager', 'doctor'],
    byTime: true,
    page: page(() => import('./pages/floor/Alert.svelte')),
  },
  {
    path: '/handover',
    title: { ja: '申し送り', en: 'Hand-over' },
    roles: ['caregiver', 'manager'],
    byTime: true,
    page: page(() => import('./pages/floor/Handover.svelte')),
  },
  {
    path: '/on-call',
    title: { ja: '呼び出しの順番', en: 'On-call list' },
    roles: ['caregiver', 'manager'],
    page: page(() => import('./pages/floor/OnCall.svelte')),
  },
  {
    path: '/model',
    title: { ja: '予測のモデル', en: 'Prediction model' },
    roles: ['caregiver', 'manager'],
    page: page(() => import('./pages/model/Model.svelte')),
  },
  {
    path: '/resident/:patient',
    title: { ja: '入居者の一日', en: 'Resident’s day' },
    roles: ['caregiver', 'manager', 'doctor', 'specialist'],
    byTime: true,
    page: page(() => import('./pages/floor/Resident.svelte')),
  },
  {
    path: '/coverage',
    title: { ja: '見守りの状態', en: 'Coverage' },
    roles: ['manager'],
    page: page(() => import('./pages/coverage/Coverage.svelte')),
  },
  {
    path: '/residents',
    title: { ja: '入居者', en: 'Residents' },
    roles: ['manager'],
    page: page(() => import('./pages/residents/Residents.svelte')),
  },
  {
    path: '/bench',
    title: { ja: '試験台', en: 'Bench' },
    roles: ['maker', 'manager'],
    page: page(() => import('./pages/bench/Bench.svelte')),
  },
  {
    path: '/bench/report/:run',
    title: { ja: '検査の報告', en: 'Report of a check' },
    roles: ['maker', 'manager'],
    page: page(() => import('./pages/bench/Report.svelte')),
  },
  {
    path: '/contract',
    title: { ja: 'つなぎ方', en: 'How to connect' },
    roles: ['maker', 'manager'],
    page: page(() => import('./pages/bench/Contract.svelte')),
  },
  {
    path: '/profiles',
    title: { ja: '機器の決まり', en: 'Profiles' },
    roles: ['maker', 'manager'],
    page: page(() => import('./pages/bench/Profiles.svelte')),
  },
  {
    path: '/state',
    title: { ja: 'システムの状態', en: 'State' },
    roles: ['administrator'],
    page: page(() => import('./pages/state/State.svelte')),
  },
  {
    path: '/organizations',
    title: { ja: '病院・施設', en: 'Organizations' },
    roles: ['administrator'],
    page: page(() => import('./pages/state/Organizations.svelte')),
  },
  {
    path: '/people',
    title: { ja: '人と役割', en: 'People' },
    roles: ['administrator', 'manager'],
    page: page(() => import('./pages/state/People.svelte')),
  },
  {
    path: '/audit',
    title: { ja: 'アクセスの記録', en: 'Audit' },
    roles: ['administrator'],
    page: page(() => import('./pages/state/Audit.svelte')),
  },
  {
    path: '/room/:encounter',
    title: { ja: '診察室', en: 'Consultation room' },
    roles: EVERYONE,
    whole: true,
    page: page(() => import('./pages/room/Room.svelte')),
  },
];

export interface Found {
  route: Route;
  parts: Record<string, string>;
}

export function findRoute(path: string): Found | null {
  for (const route of routes) {
    const parts = match(route.path, path);
    if (parts) return { route, parts };
  }
  return null;
}

interface Entry {
  path: string;
  icon: IconName;
}
/** What stands in the navigation of each role; the first is where they begin. */
export const navigation: Record<PersonRole, Entry[]> = {
  patient: [
    { path: '/today', icon: 'today' },
    { path: '/record', icon: 'record' },
    { path: '/sharing', icon: 'share' },
  ],
  doctor: [
    { path: '/worklist', icon: 'list' },
    { path: '/documents', icon: 'record' },
    { path: '/emergency', icon: 'act' },
  ],
  specialist: [
    { path: '/inbox', icon: 'inbox' },
    { path: '/documents', icon: 'record' },
    { path: '/emergency', icon: 'act' },
  ],
  caregiver: [
    { path: '/floor', icon: 'floor' },
    { path: '/handover', icon: 'list' },
  ],
  manager: [
    { path: '/coverage', icon: 'shield' },
    { path: '/floor', icon: 'floor' },
    { path: '/residents', icon: 'heart' },
    { path: '/handover', icon: 'list' },
    { path: '/on-call', icon: 'bell' },
    { path: '/model', icon: 'pulse' },
    { path: '/people', icon: 'people' },
  ],
  maker: [
    { path: '/bench', icon: 'pulse' },
    { path: '/contract', icon: 'list' },
    { path: '/profiles', icon: 'device' },
  ],
  administrator: [
    { path: '/state', icon: 'pulse' },
    { path: '/organizations', icon: 'floor' },
    { path: '/people', icon: 'people' },
    { path: '/apps', icon: 'device' },
    { path: '/audit', icon: 'eye' },
    { path: '/emergency/reviews', icon: 'act' },
    { path: '/erasures', icon: 'close' },
  ],
};

export const firstPage = (role: PersonRole): string => navigation[role][0]?.path ?? '/';
export const titleOf = (path: string): Text => routes.find(route => route.path === path)?.title ?? { ja: '', en: '' };
