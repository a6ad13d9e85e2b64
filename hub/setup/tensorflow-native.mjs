// Set-up, optional: TensorFlow's native library for training. Without it everything runs on WebAssembly, training slower.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { run } from './command.mjs';

/** The newest binding that tfjs-node asks for; later Nodes serve it too. */
const NODE_API = 8;
const FETCH_TIMEOUT = 300_000;
/** Tried with tfjs-node 4.22; the C interface hardly changes, but what was not tried is not fetched. */
const WHEEL = 'tensorflow-cpu==2.21.0';
const WEBASSEMBLY = 'WebAssembly';

export const tensorflowNative = {
  title: 'TensorFlow',

  check(context) {
    context.result.tensorflow = 'wasm';
    if (existsSync(binding(context.root)) && existsSync(triedStamp(context))) {
      context.result.tensorflow = 'native';
      return { ready: 'native library' };
    }
    if (!context.withTensorflow) return { ready: `${WEBASSEMBLY} (the native library comes with npm run train)` };
    if (!existsSync(packageFolder(context.root))) return { ready: `${WEBASSEMBLY} (no native package for this machine)` };
    return undefined;
  },

  async make(context) {
    const reasons = [];
    for (const way of [ownInstaller, fromWheel]) {
      try {
        await way(context);
        if (!loads(context)) throw new Error('the library does not load');
        mkdirSync(context.stateDirectory, { recursive: true });
        writeFileSync(triedStamp(context), '');
        context.result.tensorflow = 'native';
        return 'native library';
      } catch (error) {
        context.signal?.throwIfAborted();
        reasons.push(error.message.split('\n')[0].slice(0, 160));
      }
    }
    // Half a library must not be found by tfjs-node.
    rmSync(path.join(packageFolder(context.root), 'lib'), { recursive: true, force: true });
    return `${WEBASSEMBLY}; training is slower (no native library: ${reasons.join('; ')})`;
  },
};

const packageFolder = root => path.join(root, 'node_modules', '@tensorflow', 'tfjs-node');
const binding = root => path.join(packageFolder(root), 'lib', `napi-v${NODE_API}`, 'tfjs_binding.node');
const triedStamp = context => path.join(context.stateDirectory, 'tensorflow-native');

/** What `npm install` would have run. Its host may be out of reach, and has refused where it was reached. */
async function ownInstaller({ root, result, environment, step, signal }) {
  step.begin("tfjs-node's own installer");
  const env = { ...environment, PATH: [path.join(root, 'node_modules', '.bin'), environment.PATH].join(path.delimiter) };
  await reachable('https://storage.googleapis.com/');
  await run(result.node, ['scripts/install.js'], { cwd: packageFolder(root), env, signal, timeout: FETCH_TIMEOUT });
  if (!existsSync(binding(root))) throw new Error("tfjs-node's installer made no library");
}

async function reachable(url) {
  try {
    await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(5_000) });
  } catch {
    throw new Error(`${new URL(url).host} cannot be reached`);
  }
}

/** TensorFlow's C library out of the Python wheel, and one call of the compiler for the binding. Linux only. */
async function fromWheel({ root, environment, step, signal }) {
  if (process.platform !== 'linux') throw new Error('the Python wheel serves Linux only');
  const folder = packageFolder(root);
  const deps = path.join(folder, 'deps');
  const work = mkdtempSync(path.join(tmpdir(), 'tensorflow-wheel-'));
  try {
    step.begin(`fetching ${WHEEL} with pip`);
    const pip = ['-m', 'pip', 'download', '-q', '--no-deps', '--only-binary', ':all:', '-d', work, WHEEL];
    await run('python3', pip, { env: environment, signal, timeout: FETCH_TIMEOUT });
    const wheel = readdirSync(work).find(name => name.endsWith('.whl'));
    if (!wheel) throw new Error('pip brought no wheel');
    step.begin(`unpacking ${wheel}`);
    rmSync(deps, { recursive: true, force: true });
    mkdirSync(path.join(deps, 'lib'), { recursive: true });
    await run('python3', ['-c', UNPACK, path.join(work, wheel), deps, ...WANTED], { env: environment, signal });
    for (const name of ['libtensorflow', 'libtensorflow_framework']) {
      const real = name === 'libtensorflow' ? 'libtensorflow_cc.so.2' : `${name}.so.2`;
      symlinkSync(real, path.join(deps, 'lib', `${name}.so`));
    }
    step.begin('compiling the binding');
    mkdirSync(path.dirname(binding(root)), { recursive: true });
    const headers = path.join(root, 'node_modules', 'node-api-headers', 'include');
    const sources = ['binding/tfjs_backend.cc', 'binding/tfjs_binding.cc'];
    const options = ['-O2', '-fPIC', '-shared', '-std=c++17', `-DNAPI_VERSION=${NODE_API}`, '-DBUILDING_NODE_EXTENSION'];
    const libraries = ['-L', path.join(deps, 'lib'), '-ltensorflow', '-ltensorflow_framework', '-Wl,-rpath,$ORIGIN/../../deps/lib'];
    const args = [...options, '-I', headers, '-I', path.join(deps, 'include'), ...sources, '-o', binding(root), ...libraries];
    await run('g++', args, { cwd: folder, env: environment, signal });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const WANTED = [
  'tensorflow/libtensorflow_cc.so.2',
  'tensorflow/libtensorflow_framework.so.2',
  'tensorflow/include/tensorflow/c/*.h',
  'tensorflow/include/tensorflow/c/eager/c_api.h',
  'tensorflow/include/tensorflow/core/platform/ctstring*.h',
  'tensorflow/include/tsl/platform/ctstring*.h',
  'tensorflow/include/xla/tsl/c/*.h',
];

/** Python, since it reads wheels (zip files of more than 200 MB) without another package. */
const UNPACK = `
import fnmatch, os, sys, zipfile
wheel, deps, *wanted = sys.argv[1:]
archive = zipfile.ZipFile(wheel)
for name in archive.namelist():
    if name.endswith('/') or not any(fnmatch.fnmatchcase(name, pattern) for pattern in wanted): continue
    include = 'tensorflow/include/'
    place = os.path.join(deps, 'include', name[len(include):]) if name.startswith(include) else os.path.join(deps, 'lib', os.path.basename(name))
    os.makedirs(os.path.dirname(place), exist_ok=True)
    with archive.open(name) as source, open(place, 'wb') as target:
        while chunk := source.read(1 << 22): target.write(chunk)
`;

function loads({ root, result }) {
  const script = `
    Object.assign(require('node:util'), { isNullOrUndefined: value => value == null, isArray: Array.isArray });
    const tf = require('@tensorflow/tfjs-node');
    process.exit(tf.getBackend() === 'tensorflow' && tf.add(1, 2).dataSync()[0] === 3 ? 0 : 1);`;
  return spawnSync(result.node, ['-e', script], { cwd: root, stdio: 'ignore', timeout: 60_000 }).status === 0;
}
