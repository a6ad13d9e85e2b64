// Picks what TensorFlow.js computes with: WebAssembly, which needs no set-up, or the native library where it is asked for and there.
import { createRequire } from 'node:module';
import path from 'node:path';
import util from 'node:util';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';

export type Backend = 'wasm' | 'native';

/**
 * Makes the backend ready; call it before the first operation. `native` falls back to wasm when its library cannot be loaded.
 * Small networks and single inference are faster on wasm; native pays from large batches of convolutions on.
 * @returns the backend in use. @throws Error when even wasm cannot be started: plain JavaScript is never used silently.
 */
export async function chooseBackend(wanted: Backend = 'wasm'): Promise<Backend> {
  if (wanted === 'native' && (await loadNative())) return 'native';
  if (tf.getBackend() === 'wasm') return 'wasm';
  const binaries = path.dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'));
  setWasmPaths(`${binaries}${path.sep}`);
  const started = await tf.setBackend('wasm');
  if (!started || tf.getBackend() !== 'wasm')
    throw new Error(`TensorFlow.js could not start its WebAssembly backend from ${binaries}; install the packages again (npm ci).`);
  return 'wasm';
}

async function loadNative(): Promise<boolean> {
  try {
    // tfjs-node 4.22 calls two functions of node:util that Node 23 took away.
    Object.assign(util, {
      isNullOrUndefined: (value: unknown) => value === null || value === undefined,
      isArray: Array.isArray,
    });
    const name = '@tensorflow/tfjs-node';
    await import(name);
    return (await tf.setBackend('tensorflow')) && tf.getBackend() === 'tensorflow';
  } catch {
    return false;
  }
}
