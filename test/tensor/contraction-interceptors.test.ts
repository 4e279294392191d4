/* Runs on the fastest adapter. */
import { noGrad, requiresGrad } from '@tapegrad/autograd';
import * as tg from '@tapegrad/tensor';
import { ForcedVariant, within } from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { adapter, close, device, numbers, on } from '../helpers/device.ts';

/*
 * A forced variant, and the contractions that are seen, are interceptors: they nest with themselves, with each other and
 * with all that is on the stack besides. Which variant ran is seen in a captured program.
 */

tg.setDefaultDevice(device);
const [M, N, K] = [40, 36, 24];
const a = tg.keep(on(device, [M, K], numbers(M * K, -1, 1)));
const b = tg.keep(on(device, [K, N], numbers(K * N, -1, 1, 2)));
const expected = await tg.matmul(a, b).data();

/** The kernels of the products that `fn` asks for. */
function kernels(fn: () => unknown): string[] {
  const captured = tg.capture(
    () => {
      fn();
      return tg.add(a, 1);
    },
    { device },
  );
  captured();
  const labels = captured.programs[0]!.dispatches.map(({ kernel, launch }) => {
    const size = launch.constants?.TILE_M ?? launch.constants?.ROWS ?? '';
    return `${kernel.label.replace(/^contraction_|\.main$/g, '')}${size}`;
  });
  captured.dispose();
  return labels.filter((label) => /^(naive|lanes|tiles|resident|add_parts)/.test(label));
}

const multiply = () => tg.matmul(a, b);
const built = kernels(multiply);

test(`the innermost has its way, and the outer one again after it: ${adapter}`, () => {
  const seen = kernels(() =>
    within(new ForcedVariant('naive'), () => {
      multiply();
      within(new ForcedVariant('tiles32', 2), multiply);
      multiply();
    }),
  );
  assert.equal(seen, ['naive', 'tiles32', 'add_parts', 'naive']);
  assert.equal(kernels(multiply), built);
});

test(`an error inside leaves nothing behind: ${adapter}`, () => {
  assert.throws(() =>
    within(new ForcedVariant('naive'), () =>
      within(new ForcedVariant('tiles32'), () => {
        throw new Error('meant');
      }),
    ),
  );
  assert.equal(kernels(multiply), built);
  assert.throws(() => new ForcedVariant('fastest'), /no variant is named 'fastest': there are naive, /);
});

test(`a variant that does not fit leaves the choice as it is: ${adapter}`, () => {
  // A product slides nowhere.
  assert.equal(
    kernels(() => within(new ForcedVariant('slides4'), multiply)),
    built,
  );
});

/** What may be around, or inside: each runs a function and returns what that returned. */
const around: Record<string, <T>(fn: () => T) => T> = {
  scope: (fn) => tg.scope(() => fn() as never),
  noGrad: (fn) => noGrad(fn),
  observe: (fn) => {
    const ops: string[] = [];
    const result = tg.observe(({ op }) => void ops.push(op.name), fn);
    assert.ok(ops.includes('matmul'), `observed ${ops}`);
    return result;
  },
  labelled: (fn) => tg.labelled(() => 'a label', fn),
  'contractions seen': (fn) => {
    let result: ReturnType<typeof fn> | undefined;
    const tasks = tg.contractionsOf(() => {
      result = fn();
    });
    assert.equal(
      tasks.map(({ rows, columns, sums }) => [rows, columns[2], sums[2]]),
      [[M, N, K]],
    );
    return result as never;
  },
};

for (const [name, wrap] of Object.entries(around)) {
  test(`forced inside and around ${name}: ${adapter}`, async () => {
    const forced = new ForcedVariant('tiles32');
    assert.equal(
      kernels(() => wrap(() => within(forced, multiply))),
      ['tiles32'],
    );
    assert.equal(
      kernels(() => within(forced, () => wrap(multiply))),
      ['tiles32'],
    );
    const eager = within(forced, () => wrap(multiply));
    close(await eager.data(), expected, { absolute: 1e-5 });
    for (const [other, outer] of Object.entries(around)) {
      if (other === name) continue;
      assert.equal(
        kernels(() => outer(() => within(forced, () => wrap(multiply)))),
        ['tiles32'],
        other,
      );
    }
  });
}

test(`around a capture it holds for what is recorded, and for no replay's sake: ${adapter}`, async () => {
  const captured = tg.capture(() => multiply(), { device });
  const first = within(new ForcedVariant('naive'), () => captured());
  assert.is(captured.programs[0]!.dispatches[0]!.kernel.label, 'contraction_naive.main');
  close(await first.data(), expected, { absolute: 1e-5 });
  // The program is there already.
  within(new ForcedVariant('tiles32'), () => captured());
  assert.is(captured.programs.length, 1);
  assert.is(captured.programs[0]!.dispatches[0]!.kernel.label, 'contraction_naive.main');
  captured.dispose();
});

test(`it holds for gradients that are taken inside: ${adapter}`, () => {
  const seen = kernels(() =>
    within(new ForcedVariant('naive'), () => {
      const x = requiresGrad(tg.add(a, 0));
      tg.sum(tg.matmul(x, b)).backward();
    }),
  );
  assert.equal(seen, ['naive', 'naive']);
});

test(`all who look see the contractions, nested or one after the other: ${adapter}`, () => {
  let inner: readonly tg.Task[] = [];
  const outer = tg.contractionsOf(() => {
    multiply();
    inner = tg.contractionsOf(multiply);
    multiply();
  });
  assert.is(outer.length, 3);
  assert.is(inner.length, 1);
  assert.is(inner[0], outer[1]);
  assert.throws(() =>
    tg.contractionsOf(() => {
      throw new Error('meant');
    }),
  );
  assert.is(tg.contractionsOf(multiply).length, 1);
});

test.run();
