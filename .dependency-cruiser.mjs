// Holds the import table of the design: which folder may import which, the faces of the hub's areas, no circles.
// `npm run lint` runs it over the project; test/architecture shows that each rule catches what it is for.
import { fileURLToPath } from 'node:url';

const FOLDERS = ['devices', 'models', 'hub', 'edge', 'simulator', 'web', 'test'];

/** What each folder may import besides itself and packages. */
const MAY_IMPORT = {
  devices: [],
  models: ['devices'],
  hub: ['devices', 'models'],
  edge: ['devices', 'models'],
  simulator: ['devices'],
  // Of the hub only types, by the two rules below.
  web: ['hub'],
};

/**
 * Files of an area in the hub that other areas may import: its face, and small files that everybody shares (types, FHIR systems, how a
 * route reads its request).
 */
const FACES = '^hub/[^/]+/(index|contract|actor|records|problem|request|server-types|systems)\\.ts$';
const FOR_WEB = '^hub/([^/]+/contract|http/problem|identity/actor)\\.ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-circle',
      comment: 'Files that import each other in a circle cannot be understood, tested or moved one by one. Take the shared part out.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    ...Object.entries(MAY_IMPORT).map(([folder, allowed]) => ({
      name: `direction-${folder}`,
      comment: `${folder}/ may import ${allowed.length ? allowed.map(name => `${name}/`).join(', ') : 'nothing of ours'}.`,
      severity: 'error',
      from: { path: `^${folder}/` },
      to: { path: `^(${FOLDERS.filter(name => name !== folder && !allowed.includes(name)).join('|')})/` },
    })),
    {
      name: 'web-takes-only-the-interface',
      comment: "web/ may import the hub's contracts, Problem and Actor; everything else goes over HTTP and sockets.",
      severity: 'error',
      from: { path: '^web/' },
      to: { path: '^hub/', pathNot: FOR_WEB },
    },
    {
      name: 'web-takes-only-types',
      comment: 'Code of the hub must not reach the browser: use `import type`.',
      severity: 'error',
      from: { path: '^web/' },
      to: { path: '^hub/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'hub-areas-by-their-face',
      comment: 'Another area is reached through its index.ts or contract.ts (or a file of shared types): its inside is its own.',
      severity: 'error',
      from: { path: '^hub/([^/]+)/' },
      to: { path: '^hub/[^/]+/', pathNot: ['^hub/$1/', FACES] },
    },
    {
      name: 'hub-root-by-their-face',
      comment: 'hub/main.ts and hub/config.ts too reach an area through its face.',
      severity: 'error',
      from: { path: '^hub/[^/]+$' },
      to: { path: '^hub/[^/]+/', pathNot: FACES },
    },
    {
      name: 'no-set-up-in-programs',
      comment: 'Set-up runs before everything and is imported by nothing.',
      severity: 'error',
      from: { pathNot: '^hub/setup/' },
      to: { path: '^hub/setup/' },
    },
    {
      name: 'no-package-in-set-up',
      comment: 'Set-up runs before there are packages.',
      severity: 'error',
      from: { path: '^hub/setup/' },
      to: { pathNot: '^hub/setup/', dependencyTypesNot: ['core'] },
    },
    {
      name: 'no-unlisted-package',
      comment: 'A package that package.json does not name is there by chance.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'resolvable',
      comment: 'Every import leads to a file or a package.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^web/dist/|^hub/setup/mediasoup-worker/' },
    // Type-only imports count as well: a folder that knows another's types depends on it.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: fileURLToPath(new URL('tsconfig.json', import.meta.url)) },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['svelte', 'import', 'node', 'types', 'default', 'require'],
      mainFields: ['module', 'main', 'types', 'typings'],
      extensions: ['.ts', '.mjs', '.js', '.svelte', '.d.ts', '.json'],
    },
  },
};
