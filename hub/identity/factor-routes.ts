// HTTP of a person's own factors: `/api/session/factors` (set up, rename, remove) and `/api/session/confirm` (a fresh second factor).
import { type Context, Hono } from 'hono';
import { getCookie } from 'hono/cookie';
import { type HubEnv, notFound, Problem, peerOf, readBody } from '../http/index.ts';
import type { Text } from '../http/problem.ts';
import type { Factor } from './actor.ts';
import { ASKED_COOKIE, answerOf, keepAsked, newAnswerOf } from './asked-cookie.ts';
import { Code, type FactorsView, NewPasskey, NewPassword, PasskeyAnswer, RenamePasskey, type TotpView } from './contract.ts';
import { enterAs, requireStanding } from './enter.ts';
import { type Identity, personOf, requirePerson, type Standing, wrongCode } from './identity.ts';
import { PASSWORD_LENGTH } from './sign-in.ts';
import { keyUri } from './totp.ts';

export function factorRoutes(identity: Identity): Hono<HubEnv> {
  const { factors, passkeys } = identity;

  /**
   * Who may change factors: somebody whose sign-in waits for the first of them, or somebody signed in who has just proven it. Who has none
   * at all (the demonstration) has nothing to prove it with.
   */
  async function mayChange(context: Context<HubEnv>): Promise<Standing> {
    const standing = await requireStanding(identity, context.req.raw.headers);
    if (standing.step === 'second') throw secondFirst();
    if (!standing.step && (await any(standing.account.id)))
      await identity.requireFresh({ account: standing.account.id, session: standing.session }, 600);
    return standing;
  }
  const any = async (account: string) => {
    const { totp } = await factors.of(account);
    return totp || (await passkeys.list(account)).length > 0;
  };
  async function audited(standing: Standing, action: 'create' | 'update' | 'delete', what: Text) {
    const roles = await identity.people.roles(standing.account);
    await identity.audit({ actor: personOf(standing, roles), action, what, allowed: true });
  }
  /** Answers with what is now set up; a sign-in that waited for it is finished, in a new session. */
  async function finish(context: Context<HubEnv>, standing: Standing, ...proven: Factor[]): Promise<void> {
    if (standing.step) await enterAs(identity, context, standing.account.id, [...standing.factors, ...proven]);
  }
  /** The last way in with two factors must stay. */
  async function notTheLast(account: string, left: { passkeys: number; totp: boolean }) {
    if (identity.twoFactors && !left.passkeys && !left.totp) throw lastOne();
    return account;
  }

  return (
    new Hono<HubEnv>()
      .get('/', async context => {
        const { account } = await requireStanding(identity, context.req.raw.headers);
        const view: FactorsView = {
          ...(await factors.of(account.id)),
          passkeys: await passkeys.list(account.id),
          bindings: await identity.bindings.of(account.id),
          licence: await identity.bindings.licenceOf(account.id),
          twoFactors: identity.twoFactors && !account.reference?.startsWith('Patient/'),
        };
        return context.json(view);
      })
      // A page asks this before it opens a form, so that nothing typed is lost to a question in between.
      .post('/fresh', async context => {
        await mayChange(context);
        return context.body(null, 204);
      })
      .post('/passkeys/begin', async context => {
        const { account } = await mayChange(context);
        const { key, options } = await passkeys.askNew(account);
        keepAsked(context, identity.publicUrl, key);
        return context.json(options);
      })
      .post('/passkeys', async context => {
        const standing = await mayChange(context);
        const { name, answer } = await readBody(context, NewPasskey);
        const made = await passkeys.add(standing.account.id, getCookie(context, ASKED_COOKIE) ?? '', name, newAnswerOf(answer));
        await audited(standing, 'create', { ja: 'パスキーを登録しました', en: 'Registered a passkey' });
        await finish(context, standing, 'passkey');
        return context.json(made, 201);
      })
      .put('/passkeys/:id', async context => {
        const standing = await requireStanding(identity, context.req.raw.headers);
        if (standing.step) throw secondFirst();
        const { name } = await readBody(context, RenamePasskey);
        if (!(await passkeys.rename(standing.account.id, context.req.param('id'), name))) throw notFound();
        return context.body(null, 204);
      })
      .delete('/passkeys/:id', async context => {
        const standing = await mayChange(context);
        const { account } = standing;
        const others = (await passkeys.list(account.id)).filter(passkey => passkey.id !== context.req.param('id'));
        await notTheLast(account.id, { passkeys: others.length, totp: (await factors.of(account.id)).totp });
        if (!(await passkeys.remove(account.id, context.req.param('id')))) throw notFound();
        await audited(standing, 'delete', { ja: 'パスキーを消しました', en: 'Removed a passkey' });
        return context.body(null, 204);
      })
      .put('/password', async context => {
        const standing = await mayChange(context);
        const { password } = await readBody(context, NewPassword);
        // 安全管理ガイドライン 6.0: 13 characters, or 8 beside a second factor.
        const { totp } = await factors.of(standing.account.id);
        const least = totp || standing.step ? 8 : PASSWORD_LENGTH.min;
        if (password.length < least) throw shortPassword(least);
        await factors.setPassword(standing.account.id, password);
        await audited(standing, 'update', { ja: 'パスワードを変えました', en: 'Changed the password' });
        return context.body(null, 204);
      })
      .post('/totp/begin', async context => {
        const { account } = await mayChange(context);
        const secret = await factors.beginTotp(account.id);
        return context.json({ secret, uri: keyUri(secret, account.email, '遠隔ケアハブ') } satisfies TotpView);
      })
      .post('/totp', async context => {
        const standing = await mayChange(context);
        const { code } = await readBody(context, Code);
        const { id } = standing.account;
        // Without a password the code would be a single factor.
        if (!(await factors.of(id)).password) throw passwordFirst();
        await identity.attempts.admit(id, peerOf(context));
        const backupCodes = await factors.confirmTotp(id, code.trim(), new Date());
        if (!backupCodes) {
          await identity.attempts.failed(id, peerOf(context));
          throw wrongCode();
        }
        await audited(standing, 'create', { ja: 'アプリの番号を設定しました', en: 'Set up a code app' });
        await finish(context, standing, 'password', 'totp');
        return context.json({ backupCodes }, 201);
      })
      .delete('/totp', async context => {
        const standing = await mayChange(context);
        const { id } = standing.account;
        await notTheLast(id, { passkeys: (await passkeys.list(id)).length, totp: false });
        if (!(await factors.removeTotp(id))) throw notFound();
        await audited(standing, 'delete', { ja: 'アプリの番号をやめました', en: 'Removed the code app' });
        return context.body(null, 204);
      })
      .post('/backup-codes', async context => {
        const standing = await mayChange(context);
        if (!(await factors.of(standing.account.id)).totp) throw notFound();
        const backupCodes = await factors.newBackupCodes(standing.account.id);
        await audited(standing, 'create', { ja: '予備の番号を作り直しました', en: 'Made new backup codes' });
        return context.json({ backupCodes }, 201);
      })
  );
}

/** A fresh second factor for what comes next; it counts for some minutes. */
export function confirmRoutes(identity: Identity): Hono<HubEnv> {
  const refused = async (actor: Awaited<ReturnType<typeof requirePerson>>, error: unknown) => {
    await identity.audit({
      actor,
      action: 'sign-in',
      what: { ja: '本人の再確認を断りました', en: 'A fresh factor was refused' },
      allowed: false,
    });
    throw error;
  };
  return new Hono<HubEnv>()
    .post('/', async context => {
      const actor = await requirePerson(identity, context.req.raw.headers);
      const { code } = await readBody(context, Code);
      await identity.confirm(actor, { code }, peerOf(context)).catch(error => refused(actor, error));
      return context.body(null, 204);
    })
    .post('/passkey/begin', async context => {
      const actor = await requirePerson(identity, context.req.raw.headers);
      const { key, options } = await identity.passkeys.ask(actor.account);
      keepAsked(context, identity.publicUrl, key);
      return context.json(options);
    })
    .post('/passkey', async context => {
      const actor = await requirePerson(identity, context.req.raw.headers);
      const { answer } = await readBody(context, PasskeyAnswer);
      const proof = { key: getCookie(context, ASKED_COOKIE) ?? '', answer: answerOf(answer) };
      await identity.confirm(actor, proof, peerOf(context)).catch(error => refused(actor, error));
      return context.body(null, 204);
    });
}

const secondFirst = () =>
  new Problem(401, 'second-factor-needed', {
    ja: 'もう一つの確認(パスキーまたはアプリの番号)をしてください。',
    en: 'Give your second factor first: a passkey or the code of your app.',
  });
const lastOne = () =>
  new Problem(409, 'last-factor', {
    ja: 'これを消すと入れなくなります。先に、ほかのパスキーかアプリの番号を設定してください。',
    en: 'Without it you could not sign in any more. Set up another passkey or a code app first.',
  });
const passwordFirst = () => new Problem(409, 'password-first', { ja: '先にパスワードを決めてください。', en: 'Set a password first.' });
const shortPassword = (least: number) =>
  new Problem(422, 'password-short', {
    ja: `パスワードは${least}文字以上にしてください。`,
    en: `The password needs at least ${least} characters.`,
  });
