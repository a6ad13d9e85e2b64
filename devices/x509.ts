// Certificates and requests for them (X.509, PKCS#10), by @peculiar/x509. Not part of `index.ts`: most devices need none of it.
// @peculiar/x509 (through tsyringe) needs it loaded first and does not bring it.
import 'reflect-metadata';

export * from '@peculiar/x509';
