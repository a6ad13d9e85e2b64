// Passkeys (W3C Web Authentication Level 3): several per account, each with a name; the person is verified by the device every time.
import {
  type AuthenticationResponseJSON,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import { Problem } from '../http/problem.ts';
import type { Database } from '../store/index.ts';
import type { PasskeyView } from './contract.ts';
import { type Once, randomToken } from './once.ts';

type PasskeyTable = {
  identity_passkey: {
    id: string;
    account: string;
    public_key: Buffer;
    counter: string | number;
    transports: string[];
    name: string;
    synced: boolean;
    created: Date;
    last_used: Date | null;
  };
};

/** Seconds in which a person answers the device's question. */
const ANSWER_SECONDS = 300;
const MOST = 20;

/** A question to the device: `key` stays in a cookie that scripts cannot read, so that only this browser can answer. */
export interface Asked<Options> {
  key: string;
  options: Options;
}

export interface Passkeys {
  list(account: string): Promise<PasskeyView[]>;
  askNew(account: { id: string; name: string; email: string }): Promise<Asked<PublicKeyCredentialCreationOptionsJSON>>;
  /** @throws Problem 422 when the answer does not fit the question, the address or the person was not verified. */
  add(account: string, key: string, name: string, answer: RegistrationResponseJSON): Promise<PasskeyView>;
  /** Without an account, the device offers whom it knows: nothing tells who has an account here. */
  ask(account: string | null): Promise<Asked<PublicKeyCredentialRequestOptionsJSON>>;
  /** The account that the passkey proves, or null. */
  prove(key: string, answer: AuthenticationResponseJSON, account: string | null): Promise<string | null>;
  rename(account: string, id: string, name: string): Promise<boolean>;
  remove(account: string, id: string): Promise<boolean>;
}

export function openPasskeys({ database, once, publicUrl }: { database: Database; once: Once; publicUrl: string }): Passkeys {
  const kysely = database.kysely.withTables<PasskeyTable>();
  const origin = new URL(publicUrl).origin;
  const rpID = new URL(publicUrl).hostname;
  const view = ({ id, name, created, last_used, synced }: Omit<PasskeyTable['identity_passkey'], 'account'>): PasskeyView => ({
    id,
    name,
    created: created.toISOString(),
    lastUsed: last_used?.toISOString() ?? null,
    synced,
  });
  const of = (account: string) =>
    kysely.selectFrom('identity_passkey').selectAll().where('account', '=', account).orderBy('created').execute();

  return {
    list: async account => (await of(account)).map(view),
    async askNew({ id, name, email }) {
      const known = await of(id);
      const options = await generateRegistrationOptions({
        rpName: '遠隔ケアハブ',
        rpID,
        userID: new TextEncoder().encode(id),
        userName: email,
        userDisplayName: name,
        attestationType: 'none',
        excludeCredentials: known.map(passkey => ({ id: passkey.id, transports: passkey.transports })),
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      });
      return { key: await once.keep('passkey-new', { challenge: options.challenge, account: id }, ANSWER_SECONDS), options };
    },
    async add(account, key, name, answer) {
      const asked = await once.take<{ challenge: string; account: string }>('passkey-new', key);
      if (asked?.account !== account) throw notTaken();
      const { registrationInfo } = await verifyRegistrationResponse({
        response: answer,
        expectedChallenge: asked.challenge,
        expectedOrigin: origin,
        expectedRPID: rpID,
        requireUserVerification: true,
      }).catch((cause: unknown) => {
        throw notTaken(cause);
      });
      if (!registrationInfo) throw notTaken();
      if ((await of(account)).length >= MOST) throw notTaken();
      const { credential, credentialBackedUp } = registrationInfo;
      const made = await kysely
        .insertInto('identity_passkey')
        .values({
          id: credential.id,
          account,
          public_key: Buffer.from(credential.publicKey),
          counter: credential.counter,
          transports: answer.response.transports ?? [],
          name,
          synced: credentialBackedUp,
          created: new Date(),
          last_used: null,
        })
        .onConflict(conflict => conflict.doNothing())
        .returningAll()
        .executeTakeFirst();
      if (!made) throw notTaken();
      return view(made);
    },
    async ask(account) {
      const known = account === null ? undefined : await of(account);
      const options = await generateAuthenticationOptions({
        rpID,
        challenge: randomToken(),
        userVerification: 'required',
        allowCredentials: known?.map(passkey => ({ id: passkey.id, transports: passkey.transports })),
      });
      return { key: await once.keep('passkey', { challenge: options.challenge, account }, ANSWER_SECONDS), options };
    },
    async prove(key, answer, account) {
      // Taken before anything else is looked at: the same answer, sent again, finds no question.
      const asked = await once.take<{ challenge: string; account: string | null }>('passkey', key);
      if (!asked || asked.account !== account) return null;
      const known = await kysely.selectFrom('identity_passkey').selectAll().where('id', '=', answer.id).executeTakeFirst();
      if (!known || (account !== null && known.account !== account)) return null;
      const proven = await verifyAuthenticationResponse({
        response: answer,
        expectedChallenge: asked.challenge,
        expectedOrigin: origin,
        expectedRPID: rpID,
        requireUserVerification: true,
        credential: {
          id: known.id,
          publicKey: new Uint8Array(known.public_key),
          counter: Number(known.counter),
          transports: known.transports,
        },
      }).catch(() => null);
      if (!proven?.verified) return null;
      await kysely
        .updateTable('identity_passkey')
        .set({ counter: proven.authenticationInfo.newCounter, last_used: new Date() })
        .where('id', '=', known.id)
        .execute();
      return known.account;
    },
    async rename(account, id, name) {
      const changed = await kysely
        .updateTable('identity_passkey')
        .set({ name })
        .where('id', '=', id)
        .where('account', '=', account)
        .executeTakeFirst();
      return changed.numUpdatedRows > 0n;
    },
    async remove(account, id) {
      const removed = await kysely.deleteFrom('identity_passkey').where('id', '=', id).where('account', '=', account).executeTakeFirst();
      return removed.numDeletedRows > 0n;
    },
  };
}

const notTaken = (cause?: unknown) =>
  new Problem(
    422,
    'passkey-not-taken',
    {
      ja: 'このパスキーは登録できませんでした。もう一度「登録する」を押してください。',
      en: 'This passkey could not be registered. Press “Register” again.',
    },
    { cause },
  );
