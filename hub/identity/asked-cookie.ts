// Which question to a device this browser is answering: the key is in a cookie that scripts cannot read and other sites cannot send.
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import type { Context } from 'hono';
import { setCookie } from 'hono/cookie';

export const ASKED_COOKIE = 'hub.asked';

export function keepAsked(context: Context, publicUrl: string, key: string): void {
  setCookie(context, ASKED_COOKIE, key, {
    httpOnly: true,
    sameSite: 'Strict',
    secure: publicUrl.startsWith('https:'),
    path: '/api/session',
    maxAge: 300,
  });
}

/** The browser's answer for the library, which checks every part of it. */
export const answerOf = (answer: object) => answer as AuthenticationResponseJSON;
export const newAnswerOf = (answer: object) => answer as RegistrationResponseJSON;
