// E-mail as the last way: says that there is something to see to, and where; never what or who.
import { createTransport } from 'nodemailer';
import type { Messenger } from './messenger.ts';

export interface MailDeps {
  /** `smtp://user:password@host:port` or `smtps://…` */
  url: string;
  from: string;
  /** Where people open the hub, without a slash at its end. */
  publicUrl: string;
}

const WORDS = {
  ja: {
    subject: 'つうちがあります',
    text: (link: string) => `つうちがあります。ひらいて見てください。\n\n${link}\n\nこのメールには、個人の情報は書いてありません。\n`,
  },
  en: {
    subject: 'There is a notice',
    text: (link: string) => `There is a notice. Please open it.\n\n${link}\n\nThis e-mail holds no personal data.\n`,
  },
} as const;
const WAIT_MS = 5000;

export interface Mail extends Messenger {
  /** Says to one person that there is something on `page` (begins with `/`). The same `id` to the same person is the same message. */
  tell(person: { account: string; email: string; language: 'ja' | 'en' }, page: string, id: string): Promise<void>;
  close(): void;
}

export function openMail({ url, from, publicUrl }: MailDeps): Mail {
  const transport = createTransport(url, {});
  const domain = new URL(publicUrl).hostname;
  Object.assign(transport.options, { connectionTimeout: WAIT_MS, greetingTimeout: WAIT_MS, socketTimeout: WAIT_MS });
  const tell: Mail['tell'] = async (person, page, id) => {
    const { subject, text } = WORDS[person.language];
    await transport.sendMail({
      from,
      to: person.email,
      subject,
      text: text(`${publicUrl}${page}`),
      // The same page to the same person is the same message, should it be sent twice.
      messageId: `<${id}.${person.account}@${domain}>`,
      headers: { 'auto-submitted': 'auto-generated' },
    });
  };
  return {
    tell,
    async targets(people) {
      return people.map(person => ({ key: person.email, send: ({ id, alert }) => tell(person, `/alert/${alert}`, id) }));
    },
    close: () => transport.close(),
  };
}
