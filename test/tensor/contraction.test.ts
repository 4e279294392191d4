/* Runs on every adapter, for long. */
import { openDevice } from '@tapegrad/node';
import {
  apply,
  capture,
  matmul as multiply,
  Program,
  referenceDevice,
  relu,
  scope,
  type Tensor,
  tensor,
  type WebGPUDevice,
  within,
} from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pretend } from '../../bench/isa/kernels.ts';
import { piecesOf, WorkLimit } from '../../packages/tensor/src/lowering/contraction/pieces.ts';
import {
  builtInChoice,
  contractionVariants,
  ForcedVariant,
} from '../../packages/tensor/src/lowering/contraction/table.ts';
import type { Operands } from '../../packages/tensor/src/lowering/contraction/task.ts';
import { windowVariants } from '../../packages/tensor/src/lowering/contraction/windows.ts';
import { matmul } from '../../packages/tensor/src/ops/matmul.ts';
import { expandTemplate } from '../../packages/tensor/src/webgpu/template.ts';
import {
  banded,
  bySixteens,
  type ContractionCase,
  cases,
  casesOf,
  check,
  compute,
  convolutions,
  fits,
  otherTiles,
  pairwise,
  pixelated,
  planar,
  product,
  products,
  tasksOf,
  values,
} from '../helpers/contractions.ts';

const gpu = await openDevice(process.env.TAPEGRAD_ADAPTER ?? 'auto');
const adapter = { kind: gpu.adapterKind, subgroups: gpu.subgroups };

/** The WGSL of the tiles, or of `thin`, that a case launches. */
function textsOf(device: WebGPUDevice, one: ContractionCase, forced: ForcedVariant): string[] {
  const program = Program.record(device, [], () => {
    within(forced, () => compute(device, one));
    return null;
  });
  const kernels = program.dispatches.map(({ kernel }) => kernel);
  program.dispose();
  return kernels.filter(({ label }) => /^contraction_(tiles|thin)\./.test(label)).map(({ code }) => code);
}

type AwkwardCase = readonly [variant: string, one: ContractionCase, parts?: number];
/** Blocks of a sum that are whole rows; too many rows and columns of a window for a mask. */
const awkward: readonly AwkwardCase[] = [
  ['tiles16x128', convolutions([2, 3, 8, 8], 5, [3, 3], { padding: [1, 1] })[2]!],
  ['tiles32', convolutions([1, 2, 24, 23], 3, [2, 3])[2]!],
  ...convolutions([1, 2, 28, 28], 3, [2, 3]).map((one): AwkwardCase => ['tiles32', one, 2]),
];
/** Tiles whose blocks are of one tap or pixel. */
const blocked: readonly (readonly [variant: string, parts?: number])[] = [
  ['tiles32'],
  ['tiles32', 3],
  ['tiles16x128'],
  ['tiles128x64'],
];
/** What only a GPU chooses, whose text lavapipe has in common with SwiftShader: it compiles it ten times as long. */
const ofGpus = gpu.adapterKind === 'lavapipe' ? test.skip : test;

/** Run by all kernels that they have: they compile soon, or are the one of several that differ by their rows. */
const every = new Set(['naive', 'plain4', 'plainAlone4', 'lanes4']);

/** Each variant by itself, and with its sums cut into parts. */
const forms: [name: string, parts?: number][] = [
  ...[...contractionVariants.keys()].map((name) => [name] as [string]),
  ['slides4', 2],
  ['lanes8', 3],
  ['tiles64', 3],
  ['alone4', 2],
];

for (const one of cases) test(`the one chosen, ${one.name}, on ${gpu.name}`, () => check(gpu, one));

for (const [name, parts] of forms) {
  const all = casesOf(name, gpu.adapterKind).filter((one) => fits(gpu, name, one));
  const fitting = every.has(name) ? all : pairwise(gpu, name, all);
  const suite = fitting.length > 0 ? test : test.skip;
  suite(`${name}${parts ? ` in ${parts} parts` : ''}, ${fitting.length} cases, on ${gpu.name}`, async () => {
    for (const one of fitting) await check(gpu, one, new ForcedVariant(name, parts));
  });
}

// On software adapters tiles have loops where a GPU's have everything written out, and fetch a block ahead.
const pipelined = [...cases, ...bySixteens].filter(({ name }) =>
  /\[70,260\] x \[260,36\]|conv2d \[(3,4,8,8|16,16,6,7)\]|weight gradient \[2,5,10,7\]/.test(name),
);
ofGpus(`tiles32 as a GPU runs them, ${pipelined.length} cases, on ${gpu.name}`, async () => {
  assert.is(pipelined.length, 4);
  const { adapterKind, software } = gpu;
  Object.assign(gpu, { adapterKind: 'gpu', software: false });
  try {
    for (const one of pipelined) await check(gpu, one, new ForcedVariant('tiles32'));
  } finally {
    Object.assign(gpu, { adapterKind, software });
  }
});

(gpu.adapterKind === 'lavapipe' ? test : test.skip)(
  'what lavapipe does not run of tiles and of `thin` is the same text on SwiftShader, which runs it',
  async () => {
    const adapters = [
      { kind: 'lavapipe', subgroups: { min: 8, max: 8 } },
      { kind: 'swiftshader', subgroups: { min: 4, max: 4 } },
    ] as const;
    const devices = await Promise.all(adapters.map(pretend));
    const left = ['tiles32', ...otherTiles, 'thin'].flatMap((name) =>
      casesOf(name, 'swiftshader')
        .filter((one) => !casesOf(name, 'lavapipe').includes(one))
        .map((one): AwkwardCase => [name, one]),
    );
    const blocks = blocked.flatMap(([name, parts]) =>
      bySixteens.map((one): AwkwardCase => [name, one, parts]),
    );
    for (const [software, list] of [
      [true, [...left, ...awkward, ...blocks]],
      [false, pipelined.map((one): AwkwardCase => ['tiles32', one])],
    ] as const) {
      for (const [name, one, parts] of list) {
        if (!fits(devices[0]!, name, one)) continue;
        const [lavapipe, swiftshader] = devices.map((device, i) => {
          Object.assign(device, { software, adapterKind: software ? adapters[i]!.kind : 'gpu' });
          return textsOf(device, one, new ForcedVariant(name, parts));
        });
        assert.ok(lavapipe!.length > 0, `${name}: ${one.name}`);
        assert.equal(lavapipe, swiftshader, `${name}: ${one.name}`);
      }
    }
    for (const device of devices) device.destroy();
  },
);

test(`many parts, added up by several threads as on a GPU, on ${gpu.name}`, async () => {
  const { adapterKind } = gpu;
  Object.assign(gpu, { adapterKind: 'gpu' });
  try {
    const one = product([7, 1000], [1000, 11]);
    for (const parts of [37, 200]) await check(gpu, one, new ForcedVariant('alone4', parts));
  } finally {
    Object.assign(gpu, { adapterKind });
  }
});

test(`a GPU's launches are bounded in work, and the pieces make the same bytes, on ${gpu.name}`, async () => {
  const square = tasksOf(gpu, product([4096, 1], [1, 4096]))[0]!;
  const sizes = (k: number) => piecesOf({ ...square, sums: [1, 1, k] }).map(({ rows }) => rows);
  assert.equal(sizes(4096), [4096]);
  assert.equal(sizes(4 * 4096), [2048, 2048]);
  const { adapterKind } = gpu;
  for (const [one, limit, launches] of [
    [product([300, 3], [3, 5]), 2000, 3],
    [product([3, 8, 8], [3, 8, 8]), 600, 3],
    ...convolutions([3, 4, 8, 8], 8, [4, 4], { stride: [2, 2], padding: [1, 1] }).map(
      (one, i) => [one, 2200, i === 2 ? 4 : 3] as const,
    ),
  ] as const) {
    const whole = await within(new ForcedVariant('naive'), () => compute(gpu, one)).data();
    Object.assign(gpu, { adapterKind: 'gpu' });
    try {
      const pieces = tasksOf(gpu, one).map((task) => piecesOf(task, new WorkLimit(limit)).length);
      assert.is(Math.max(...pieces), launches, one.name);
      const got = within(new ForcedVariant('naive'), () =>
        within(new WorkLimit(limit), () => compute(gpu, one)),
      );
      assert.equal(await got.data(), whole, one.name);
    } finally {
      Object.assign(gpu, { adapterKind });
    }
  }
});

ofGpus(
  `tiles where the digits of a sum fill no table, and where blocks are whole rows, on ${gpu.name}`,
  async () => {
    for (const [name, one, parts] of awkward) await check(gpu, one, new ForcedVariant(name, parts));
  },
);

for (const [name, parts] of blocked) {
  const list = name === 'tiles32' ? bySixteens : bySixteens.slice(0, 3);
  ofGpus(
    `${name}${parts ? ` in ${parts} parts` : ''}, blocks of one tap or pixel, on ${gpu.name}`,
    async () => {
      for (const one of list) await check(gpu, one, new ForcedVariant(name, parts));
    },
  );
}

/** Its tasks are a GPU's, and nothing is run. */
const nowhere = Object.assign(await openDevice('gpu', { nullBackend: true }), { adapterKind: 'gpu' });

test('tiles for a GPU: rectangular for few rows, in parts where they would leave it idle', () => {
  const chosen = (one: ContractionCase) => {
    const { variant, plan } = builtInChoice(tasksOf(nowhere, one)[0]!, { kind: 'gpu', subgroups: undefined });
    return `${variant.name}, ${plan.parts}`;
  };
  assert.is(chosen(product([4096, 4096], [4096, 4096])), 'tiles128, 1');
  assert.is(chosen(product([512, 128], [128, 5])), 'tiles16x128, 1');
  assert.is(chosen(product([512, 5], [512, 128], 'A')), 'tiles16x128, 32');
  const layer = convolutions([512, 1, 28, 28], 16, [4, 4], { stride: [2, 2], padding: [1, 1] });
  assert.is(chosen(layer[0]!), 'tiles16x128, 1');
  assert.is(chosen(layer[2]!), 'tiles32, 896');
  assert.is(chosen(layer[1]!), 'thin, 1');
  const byChannel = convolutions([32, 64, 14, 14], 64, [3, 3], { padding: [1, 1], groups: 64 });
  assert.equal(byChannel.map(chosen), ['thin, 1', 'thin, 1', 'long, 8']);
});

test('groups of channels on a GPU: about two workgroups for each multiprocessor of a large one', () => {
  for (const [batch, channels, size, groups] of [
    [128, 32, 14, 4],
    [128, 32, 14, 32],
    [16, 64, 28, 64],
  ] as const)
    for (const one of convolutions([batch, channels, size, size], channels, [3, 3], {
      padding: [1, 1],
      groups,
    })) {
      const { variant, plan } = builtInChoice(tasksOf(nowhere, one)[0]!, {
        kind: 'gpu',
        subgroups: undefined,
      });
      const { workgroups } = variant.launch(plan, [] as unknown as Operands);
      const count = [workgroups].flat().reduce((x, y) => x * y);
      assert.ok(count >= 250, `${one.name}: ${count} of ${variant.name} in ${plan.parts} parts`);
    }
});

test('on a GPU tiny products go by one kernel, unless a single thread would add up a long sum', () => {
  const chosen = (sums: number) =>
    builtInChoice(tasksOf(nowhere, product([2, sums], [sums, 3]))[0]!, { kind: 'gpu', subgroups: undefined });
  assert.is(chosen(512).variant.name, 'naive');
  const { variant, plan } = chosen(4096);
  assert.is.not(variant.name, 'naive');
  assert.ok(plan.parts! > 8, `${plan.parts} parts`);
});

test('on lavapipe: few sums by blocks that stay, convolutions of few channels by patches, tiny products by one kernel', () => {
  const subgroups = { min: 8, max: 8 };
  const chosen = (one: ContractionCase) =>
    builtInChoice(tasksOf(gpu, one)[0]!, { kind: 'lavapipe', subgroups }).variant.name;
  assert.is(chosen(product([32, 784], [32, 512], 'A')), 'resident');
  assert.is(chosen(product([128, 40], [40, 784])), 'lanes16');
  assert.is(chosen(product([32, 784], [512, 784], 'B')), 'turned');
  assert.is(chosen(product([32, 784], [784, 512])), 'lanes16');
  assert.is(chosen(product([32, 64], [64, 12])), 'plain4');
  assert.is(chosen(product([16, 16], [16, 16])), 'naive');
  const depthwise = convolutions([16, 32, 28, 28], 32, [3, 3], { padding: [1, 1], groups: 32 });
  assert.equal(depthwise.map(chosen), ['patches', 'patches', 'pixels']);
  const strided = { stride: [2, 2], padding: [1, 1] } as const;
  const first = convolutions([32, 1, 28, 28], 16, [4, 4], strided);
  assert.equal([chosen(first[0]!), chosen(first[2]!)], ['patches', 'pixels']);
  // With more channels A is loaded too often.
  assert.is(chosen(convolutions([32, 4, 14, 14], 16, [4, 4], strided)[2]!), 'slides8');
  assert.is(chosen(convolutions([32, 16, 14, 14], 32, [4, 4], strided)[0]!), 'slides16');
});

test('windows are masked where they may leave the image', () => {
  const padded = (padding: readonly [number, number]) =>
    convolutions([2, 3, 8, 8], 4, [3, 3], { padding }).map((one) => tasksOf(nowhere, one)[0]!.padded);
  assert.equal(padded([0, 1]), [true, true, true]);
  // Fewer outputs see the pixels at the edge, which is the input gradient's padding.
  assert.equal(padded([0, 0]), [false, true, false]);
});

test('what fits what: products, convolutions, adapters without known subgroups', () => {
  const [narrow, wide] = [
    product([36, 20], [20, 44]),
    convolutions([3, 4, 8, 8], 8, [4, 4], { stride: [2, 2], padding: [1, 1] })[0]!,
  ];
  const able = (one: ContractionCase, subgroups: { min: number; max: number } | undefined) =>
    [...contractionVariants.values()]
      .filter((variant) => variant.plan(tasksOf(gpu, one)[0]!, { kind: 'gpu', subgroups }))
      .map(({ name }) => name);
  const alone = ['naive', 'alone4', 'plainAlone4', 'tiles32', ...otherTiles];
  const lanes = ['lanes4', 'lanes8', 'lanes16', 'plain4'];
  const sorted = (names: readonly string[]) => [...names].sort();
  assert.equal(sorted(able(narrow, undefined)), sorted(alone));
  assert.equal(sorted(able(narrow, { min: 8, max: 16 })), sorted(alone));
  assert.equal(sorted(able(narrow, { min: 8, max: 8 })), sorted([...alone, ...lanes, 'resident']));
  assert.equal(sorted(able(wide, undefined)), sorted([...alone, 'slidesAlone4', 'thin']));
  assert.equal(
    sorted(able(wide, { min: 8, max: 8 })),
    sorted([
      ...[...alone, ...lanes, 'slidesAlone4', 'slides4', 'slides8', 'slides16', 'bands', 'patches', 'thin'],
    ]),
  );
  assert.ok(able(narrow, { min: 4, max: 4 }).includes('quads'));
  assert.ok(able(wide, { min: 4, max: 4 }).includes('quads'));
  // Nothing to add up: only the plain kernel is made for that.
  assert.equal(able(product([4, 0], [0, 4]), { min: 8, max: 8 }), ['naive']);
});

const known = adapter.subgroups?.min === adapter.subgroups?.max && adapter.subgroups;
(known ? test : test.skip)('bands, and their choice', async () => {
  const [possible, chosen] = [new Set<string>(), new Set<string>()];
  for (const one of banded) {
    if (fits(gpu, 'bands', one)) possible.add(one.name);
    if (builtInChoice(tasksOf(gpu, one)[0]!, adapter).variant.name !== 'bands') continue;
    chosen.add(one.name);
    await check(gpu, one);
  }
  const fitting = banded.filter(({ name }) => possible.has(name));
  for (const one of pairwise(gpu, 'bands', fitting)) await check(gpu, one, new ForcedVariant('bands'));
  if (adapter.subgroups!.min === 8) assert.is(possible.size, 8, [...possible].join('\n'));
  // The phases of a stride together, where they are not too small to compile a kernel for.
  if (adapter.kind === 'lavapipe' && adapter.subgroups!.min >= 8)
    assert.equal([...chosen], [banded[1]!.name]);
});

(known ? test : test.skip)('planes, in parts of several sizes, and their choice', async () => {
  const [possible, chosen] = [new Set<string>(), new Set<string>()];
  for (const one of planar) {
    const { variant } = builtInChoice(tasksOf(gpu, one)[0]!, adapter);
    if (variant.name === 'planes') {
      chosen.add(one.name);
      await check(gpu, one);
    }
    if (!fits(gpu, 'planes', one)) continue;
    possible.add(one.name);
    for (const parts of [undefined, 2, 3]) await check(gpu, one, new ForcedVariant('planes', parts));
  }
  const gradients = planar.filter((_, i) => i % 3 === 2).map(({ name }) => name);
  // One image has no parts, and other kernels make C itself.
  assert.not.ok(fits(gpu, 'planes', convolutions([1, 8, 6, 10], 5, [4, 4])[2]!));
  if (adapter.subgroups!.min === 8)
    assert.ok(
      gradients.every((name) => possible.has(name)),
      [...possible].join('\n'),
    );
  if (adapter.kind === 'lavapipe' && adapter.subgroups!.min === 8)
    assert.equal([...chosen], [gradients.at(-1)!]);
});

(known ? test : test.skip)('pixels, in parts of several sizes, and their choice', async () => {
  for (const one of pixelated) {
    assert.ok(fits(gpu, 'pixels', one), one.name);
    for (const parts of [undefined, 1, 3]) await check(gpu, one, new ForcedVariant('pixels', parts));
  }
  const chosen = pixelated.filter(
    (one) => builtInChoice(tasksOf(gpu, one)[0]!, adapter).variant.name === 'pixels',
  );
  assert.equal(chosen, adapter.kind === 'lavapipe' ? pixelated.slice(-1) : []);
  for (const one of chosen) {
    await check(gpu, one);
    const again = await Promise.all([compute(gpu, one), compute(gpu, one)].map((c) => c.data()));
    const captured = capture(() => compute(gpu, one), { device: gpu });
    const results = [...again, await captured().data(), await captured().data()];
    captured.dispose();
    for (const result of results) assert.equal(result, results[0], one.name);
  }
});

(known ? test : test.skip)(
  'no weight gradient, or nothing to see: pixels and patches fit neither',
  async () => {
    for (const images of [1, 3]) {
      const forward = convolutions([images, 64, 8, 8], 64, [4, 4], { stride: [2, 2], padding: [1, 1] })[0]!;
      assert.not(fits(gpu, 'pixels', forward), forward.name);
    }
    const [seen, , gradient] = convolutions([16, 1, 28, 0], 16, [3, 2], { padding: [1, 1] });
    for (const one of [seen!, gradient!]) {
      for (const name of ['pixels', 'patches']) assert.not(fits(gpu, name, one), `${name}: ${one.name}`);
      await check(gpu, one);
    }
  },
);

test('the choice splits a long sum, and computes the same bytes again', async () => {
  const one = product([7000, 24], [7000, 40], 'A');
  const [first, second, expected] = [compute(gpu, one), compute(gpu, one), compute(referenceDevice, one)];
  const [x, y, z] = [await first.data(), await second.data(), await expected.data()];
  assert.equal(x, y);
  assert.ok(x.every((v, i) => Math.abs(v - z[i]!) < 1e-3));
});

(known ? test : test.skip)('what runs briefly has other kernels, and the same bytes', async () => {
  const before = gpu.stats.pipelines;
  for (const transposes of ['', 'A', 'B', 'AB'] as const) {
    const { shapes } = products(70, 36, 260)[['', 'A', 'B', 'AB'].indexOf(transposes)]!;
    const [a, b] = shapes.map((shape, i) =>
      tensor(values(shape[0]! * shape[1]!, i + 1), { shape, device: gpu, dtype: 'float32' }),
    );
    const [transposeA, transposeB] = [transposes.includes('A'), transposes.includes('B')];
    const results: unknown[] = [];
    for (const brief of [false, true]) {
      gpu.brief = brief;
      // With an end of its own, as a layer has it.
      const layer = capture(() => relu(multiply(a!, b!, { transposeA, transposeB })), { device: gpu });
      results.push(await within(new ForcedVariant('resident'), () => layer()).data());
      layer.dispose();
    }
    gpu.brief = false;
    assert.equal(results[0], results[1], transposes);
  }
  assert.is(gpu.stats.pipelines - before, 8);
});

(known ? test : test.skip)(
  'a small batch that stays is turned with its end merged, brief or not, to the same bytes',
  async () => {
    const [a, b, bias] = [[12, 136], [264, 136], [264]].map((shape, i) =>
      tensor(values(shape[0]! * (shape[1] ?? 1), i + 1), { shape, device: gpu, dtype: 'float32' }),
    ) as [Tensor, Tensor, Tensor];
    const forced = new ForcedVariant('turned');
    const layer = () => relu(multiply(a, b, { transposeB: true }).add(bias));
    const expected = await within(forced, layer).data();
    try {
      for (const brief of [false, true]) {
        gpu.brief = brief;
        const captured = capture(layer, { device: gpu });
        assert.equal(await within(forced, () => captured()).data(), expected);
        assert.equal(
          captured.programs[0]!.dispatches.map(({ kernel }) => kernel.label),
          ['contraction_resident.main', 'add_parts.turn'],
        );
        captured.dispose();
      }
    } finally {
      gpu.brief = false;
    }
  },
);

test('no launch has more workgroups in one dimension than there can be', () => {
  const some = [
    ...convolutions([2, 1, 28, 28], 2, [3, 3], { padding: [1, 1] }),
    ...convolutions([2, 2, 8, 8], 2, [4, 4], { stride: [2, 2], padding: [1, 1] }),
  ];
  for (const one of some)
    for (const [name, variant] of contractionVariants)
      for (const lanes of [4, 8]) {
        const [task] = tasksOf(nowhere, one);
        const images = { ...task!, columns: [2 ** 21, task!.columns[1], task!.columns[2]] as const };
        for (const many of [images, { ...task!, batch: 2 ** 17 }]) {
          const subgroups = { min: lanes, max: lanes };
          const plan = variant.plan(many, { kind: 'lavapipe', subgroups });
          const { workgroups } = plan ? variant.launch(plan, [] as unknown as Operands) : { workgroups: 1 };
          if (typeof workgroups !== 'number')
            assert.ok(Math.max(...workgroups) <= 65_535, `${name}, ${one.name}: ${workgroups.join(' x ')}`);
        }
      }
});

test('more tiles than one dimension of workgroups holds', async () => {
  const rows = 4 * 70_000;
  for (const name of ['lanes4', 'alone4'] as const) {
    const one = product([rows, 2], [2, 17]);
    if (!fits(gpu, name, one)) continue;
    const x = await within(new ForcedVariant(name), () => compute(gpu, one)).data();
    const y = await compute(referenceDevice, one).data();
    assert.is(
      x.findIndex((v, i) => Math.abs(v - y[i]!) > 1e-5),
      -1,
    );
  }
});

test('infinities of one summand stay with it: tails are masked, not multiplied by 0', async () => {
  const a = tensor(new Float64Array(40 * 3).fill(1), { shape: [40, 3], device: gpu, dtype: 'float32' });
  const attributes = { transposeA: false, transposeB: false };
  for (const name of contractionVariants.keys()) {
    // For these, so many that it is by kernels that other tests run too.
    const columns = otherTiles.includes(name) ? 39 : 40;
    const b = values(3 * columns, 1);
    b[3 * columns - 1] = Number.POSITIVE_INFINITY;
    const c = within(new ForcedVariant(name), () =>
      apply(matmul, [a, tensor(b, { shape: [3, columns], device: gpu, dtype: 'float32' })], attributes),
    );
    const x = await c.data();
    assert.is(x[columns - 1], Number.POSITIVE_INFINITY, name);
    assert.ok(x.subarray(0, columns - 1).every(Number.isFinite), name);
  }
});

// ------------------------------------------------------------------------------------------------------- templates

test('templates: loops, nested and empty', () => {
  const source =
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the template's own syntax
    '//% for i in 0..N\nlet a${i} = ${i * 4 + 1};\n//% for j in i..2\nb${i}${j}\n//% end\n//% end\nend';
  assert.is(expandTemplate(source, { N: 2 }), 'let a0 = 1;\nb00\nb01\nlet a1 = 5;\nb11\nend');
  assert.is(expandTemplate(source, { N: 0 }), 'end');
});

test('templates: conditions, else, and branches not taken', () => {
  const source =
    ' //% if A && !B\nx\n //% if n > 1\ny\n //% else\nz\n //% end\n//% else\n//% if unknown\n//% end\nw\n//% end';
  assert.is(expandTemplate(source, { A: true, B: false, n: 2, unknown: 1 }), 'x\ny');
  assert.is(expandTemplate(source, { A: true, B: false, n: 1, unknown: 1 }), 'x\nz');
  assert.is(expandTemplate(source, { A: true, B: true, unknown: 1 }), 'w');
});

test('templates: arithmetic is that of whole numbers, with the usual precedence', () => {
  const value = (text: string) => expandTemplate(`\${${text}}`, { R: 13, L: 8, yes: true });
  assert.is(value('R / L'), '1');
  assert.is(value('R % L / 4 * 4'), '4');
  assert.is(value('1 + 2 * (3 - R)'), '-19');
  assert.is(value('R - 1 - 2'), '10');
  assert.is(value('R >= 13 && R != L || 0'), 'true');
  assert.is(value('!yes || R == 1'), 'false');
});

test('templates: names for values, until the block ends', () => {
  const source =
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the template's own syntax
    '//% let n = N + 1\n//% for i in 0..2\n//% let n = n * 2 + i\n${n}\n//% end\n${n}';
  assert.is(expandTemplate(source, { N: 4 }), '10\n11\n5');
});

test('templates: mistakes name their line', () => {
  const fails = (source: string, message: string) =>
    assert.throws(
      () => expandTemplate(source, { N: 2 }),
      (error: Error) => error.message.includes(message) || assert.unreachable(error.message),
    );
  fails('a\n//% for i in 0..M\n//% end', "template, line 2: unknown name 'M'");
  fails('//% for i in 0..N\nx', 'has no end');
  fails('x\n//% end', 'template, line 2: closes nothing');
  fails('//% while N', 'neither for, let, if, entry, else nor end');
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the template's own syntax
  fails('${N + (1}', "expected ')'");
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the template's own syntax
  fails('${N N}', "unexpected 'N'");
});

// So programs without convolutions lack nothing, which a bundle of them leaves out.
test(`no product of matrices is for the variants that convolutions enter, on ${gpu.name}`, () => {
  const extents = [1, 2, 4, 5, 7, 8, 33];
  const lanes = [4, 8, 16, 32].map((size) => ({ ...adapter, subgroups: { min: size, max: size } }));
  let planned = 0;
  for (const M of extents)
    for (const N of extents)
      for (const K of extents)
        for (const one of products(M, N, K))
          for (const task of scope(() => tasksOf(gpu, one)))
            for (const variant of windowVariants)
              for (const other of [{ kind: adapter.kind, subgroups: undefined }, ...lanes]) {
                assert.is(variant.plan(task, other), undefined, `${one.name} by ${variant.name}`);
                planned++;
              }
  assert.is(planned, extents.length ** 3 * 4 * windowVariants.length * 5);
  const [image] = scope(() => tasksOf(gpu, convolutions([2, 3, 8, 8], 4, [3, 3])[0]!));
  assert.ok(windowVariants.some((variant) => variant.plan(image!, lanes[1]!)));
});

test.after(() => {
  gpu.destroy();
  nowhere.destroy();
});
test.run();
