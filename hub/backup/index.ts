// Backups: making, checking and restoring them.
export { type Made, type MakeOptions, makeBackup } from './make.ts';
export { BackupProblem, type Manifest } from './manifest.ts';
export { readBackup } from './read.ts';
export { RESTORING, type RestoreOptions, restoreBackup } from './restore.ts';
