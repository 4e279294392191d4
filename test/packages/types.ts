import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { root, run, type Tarball } from '../helpers/packed.ts';

/** A user's program that has something of every entry. */
const program = (entries: readonly string[], withDom: boolean) => `
${entries.map((entry, i) => `import * as entry${i} from '${entry}';`).join('\n')}
import { requiresGrad } from '@tapegrad/autograd';
import { openDevice } from '@tapegrad/node';
import { Adam, Linear } from '@tapegrad/nn';
import { setDefaultDevice, type Tensor, tensor } from '@tapegrad/tensor';
import { grad, nn, vae } from 'tapegrad';

export const x: Tensor = requiresGrad(tensor([[1, 2], [3, 4]]));
x.matmul(x).add(x).sum().backward();
export const gradient: Tensor | null = x.grad;
export const slope: Tensor = grad((y: Tensor) => nn.mseLoss(y, x))(x);
export const optimizer = new Adam(new Linear(2, 1).parameters(), { lr: 1e-3 });
export const names: string[] = [...vae.models.keys()];
export const device = await openDevice('auto', { toggles: ['skip_validation'] });
setDefaultDevice(device);
// @ts-expect-error: types are not any
x.nothing();
// @ts-expect-error: an option that there is not
new Adam([], { speed: 1 });
${withDom ? "// @ts-expect-error: WebGPU's own types are not any where TypeScript's DOM library is\ndevice.gpu.nothing();" : ''}
export default [${entries.map((_, i) => `entry${i}`).join(', ')}];
`;

const strict = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess'];
const esnext = ['--target', 'es2022', '--module', 'esnext', '--moduleResolution', 'bundler'];
const nodenext = ['--target', 'es2022', '--module', 'nodenext', '--moduleResolution', 'nodenext'];

const compilers = {
  'TypeScript 7': 'node_modules/@typescript/native/bin/tsc',
  'TypeScript 6': 'node_modules/typescript/bin/tsc6',
} as const;

/** What draws has Vega's types, which want the DOM's. */
const draws = /^@tapegrad\/plot|^tapegrad\/node/;

/** A user's compiler, libraries checked too (which is its default). */
const cases: { compiler: keyof typeof compilers; what: string; options: string[]; withDom?: boolean }[] = [
  { compiler: 'TypeScript 7', what: 'as it is', options: [] },
  {
    compiler: 'TypeScript 7',
    what: 'strict, bundler',
    options: [...strict, ...esnext, '--skipLibCheck', 'false'],
  },
  {
    compiler: 'TypeScript 7',
    what: 'strict, nodenext',
    options: [...strict, ...nodenext, '--skipLibCheck', 'false'],
  },
  {
    compiler: 'TypeScript 7',
    what: 'strict, nodenext, without the DOM',
    options: [...strict, ...nodenext, '--lib', 'es2022'],
    withDom: false,
  },
  {
    compiler: 'TypeScript 6',
    what: 'strict, nodenext',
    options: [...strict, ...nodenext, '--skipLibCheck', 'false'],
  },
];

export function testTypes(tarballs: readonly Tarball[], app: string): void {
  const entries = tarballs.flatMap(({ manifest: { name, exports } }) =>
    Object.keys(exports)
      .filter((entry) => entry !== './package.json')
      .map((entry) => `${name}${entry.slice(1)}`),
  );
  for (const { compiler, what, options, withDom = true } of cases) {
    test(`types: ${compiler}, ${what}`, async () => {
      const file = join(app, 'types.ts');
      writeFileSync(
        file,
        program(withDom ? entries : entries.filter((entry) => !draws.test(entry)), withDom),
      );
      const args = [join(root, compilers[compiler]), '--noEmit', ...options, file];
      const { code, stdout } = await run(process.execPath, args, { cwd: app });
      assert.is(stdout, '');
      assert.is(code, 0);
    });
  }
}
