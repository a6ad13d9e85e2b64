// The signed report: every change is found out, and the page is readable without scripts.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { canonical, type Report, reportPage, signingKey, signReport, verifyReport } from '../../../devices/conformance/index.ts';

const report: Report = {
  format: 'remote-care-hub conformance report 1',
  facility: 'f1',
  device: 'bed-1',
  profile: { id: 'bed', name: { ja: 'ベッドセンサー', en: 'Bed sensor' } },
  startedAt: '2026-01-01T00:00:00.000Z',
  endedAt: '2026-01-01T00:10:00.000Z',
  seen: { connections: 3, messages: 40 },
  result: 'fail',
  checks: [
    {
      id: 'unit',
      title: { ja: '単位', en: 'Units' },
      status: 'fail',
      reason: { ja: '単位が違います', en: 'is wrong' },
      evidence: ['<script>alert(1)</script>'],
    },
  ],
};
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'conformance-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe.each([
  ['Ed25519', () => generateKeyPairSync('ed25519').privateKey],
  ['ES256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey],
])('a report signed with %s', (_name, makeKey) => {
  test('verifies as it was written', () => {
    expect(verifyReport(signReport(report, makeKey()))).toMatchObject(report);
  });

  test('fails verification when any byte is changed', () => {
    const signed = Buffer.from(signReport(report, makeKey()));
    for (let at = 0; at < signed.length; at++) {
      const changed = Buffer.from(signed);
      changed[at]! ^= 1;
      expect(() => verifyReport(changed.toString()), `byte ${at}`).toThrow();
    }
    expect(() => verifyReport(`${signed} `)).toThrow('canonical');
  });

  test('cannot be given another key or none', () => {
    const signed = JSON.parse(signReport(report, makeKey())) as Record<string, unknown>;
    const other = JSON.parse(signReport(report, makeKey())) as Record<string, unknown>;
    expect(() => verifyReport(canonical({ ...signed, key: other.key }))).toThrow('signature');
    expect(() => verifyReport(canonical({ ...signed, signature: undefined }))).toThrow('no signature');
    const [, , value] = String(signed.signature).split('.');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    expect(() => verifyReport(canonical({ ...signed, signature: `${none}..${value}` }))).toThrow('does not fit');
  });
});

test('canonical JSON sorts keys and writes no spaces (RFC 8785)', () => {
  expect(canonical({ b: [1, 2.5, 1e21], a: { z: null, é: '\n', A: true } })).toBe('{"a":{"A":true,"z":null,"é":"\\n"},"b":[1,2.5,1e+21]}');
});

test('the key is made once in the folder, for its owner only', () => {
  const first = signingKey(folder);
  expect(signingKey(folder).equals(first)).toBe(true);
  expect(statSync(path.join(folder, 'conformance-key.pem')).mode & 0o077).toBe(0);
});

test('the page says everything in both languages, runs nothing, and shows what a device sent as text', () => {
  const page = reportPage(verifyReport(signReport(report, signingKey(folder))));
  expect(page).toContain('<html lang="ja">');
  expect(page).toContain('単位が違います<span class="en" lang="en">is wrong</span>');
  expect(page).toContain('&lt;script&gt;');
  expect(page).not.toMatch(/<script|javascript:|\son\w+=/i);
  expect(page).toContain('不合格');
});
