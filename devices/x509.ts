// Certificates and requests for them (X.509, PKCS#10), by @peculiar/x509. Not part of `index.ts`: most devices need none of it.
import './class-metadata.ts';

export * from '@peculiar/x509';
