// What the ways of proving oneself are called.
import type { Factor, Text } from '../../shared/hub.ts';

export const factorName: Record<Factor, Text> = {
  link: { ja: 'リンク', en: 'link' },
  password: { ja: 'パスワード', en: 'password' },
  totp: { ja: 'アプリの番号', en: 'app code' },
  'backup-code': { ja: '予備の番号', en: 'backup code' },
  passkey: { ja: 'パスキー', en: 'passkey' },
  oidc: { ja: 'マイナンバーカード', en: 'national sign-in' },
  hpki: { ja: '資格証', en: 'clinician’s card' },
};
