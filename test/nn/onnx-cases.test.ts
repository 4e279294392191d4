/* Runs on every adapter. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { type Device, referenceDevice, scope, type Tensor } from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { adapter, close, device } from '../helpers/device.ts';
import { Call, type Node, operators, type Stored, valuesOf } from '../helpers/onnx-operators.ts';

/*
 * The ONNX standard's own cases for its operators, each said in functions and layers of ours: on the reference, and on the
 * adapter. golden/make_onnx_cases.py chose them and says which are left out, and why.
 *
 * Integers of other widths are held in 32 bits here, and compared modulo what theirs hold; booleans are integers.
 */

interface Case {
  readonly name: string;
  readonly opset: number;
  readonly nodes: readonly Node[];
  readonly inputs: readonly (readonly [name: string, tensor: number])[];
  readonly outputs: readonly (readonly [name: string, tensor: number])[];
}

const golden = JSON.parse(
  gunzipSync(readFileSync(new URL('golden/onnx-cases.json.gz', import.meta.url))).toString(),
) as { cases: readonly Case[]; tensors: readonly Stored[] };

function computed({ opset, nodes, inputs, outputs }: Case, where: Device): Tensor[] {
  return scope(() => {
    const values = new Map<string, Tensor | Stored>(inputs.map(([name, k]) => [name, golden.tensors[k]!]));
    for (const node of nodes) {
      const result = operators[node[0]]!(new Call(opset, where, node, values));
      const list = Array.isArray(result) ? (result as readonly Tensor[]) : [result as Tensor | Stored];
      list.forEach((value, k) => {
        if (node[2][k]) values.set(node[2][k]!, value);
      });
    }
    return outputs.map(([name]) => new Call(opset, where, ['', [name], [], {}], values).x());
  });
}

/** A value as an integer of the type's width has it. */
function wrapped(type: string, value: number): number {
  const bits = Number(/\d+/.exec(type)?.[0] ?? 32);
  return Number((type.startsWith('u') ? BigInt.asUintN : BigInt.asIntN)(bits, BigInt(value)));
}

/** The standard's own test allows 1e-3 of the value and 1e-7. What is below is what float32, and WGSL's sine, need. */
const tolerance = (halves: boolean, { nodes }: Case) =>
  halves
    ? { relative: 2 ** -10, absolute: 2 ** -14 }
    : { relative: 2e-5, absolute: nodes.some(([type]) => /Sin|Cos|Tan$/.test(type)) ? 2 ** -10 : 2e-6 };

for (const one of golden.cases) {
  test(`${one.name} ${adapter}`, async () => {
    for (const where of [referenceDevice, device]) {
      const results = computed(one, where);
      for (const [i, [name, k]] of one.outputs.entries()) {
        const [result, wanted] = [results[i]!, golden.tensors[k]!];
        const label = `${name} on ${where.name}`;
        assert.equal([...result.shape], [...wanted.shape], label);
        const [data, expected] = [await result.data(), valuesOf(wanted)];
        if (wanted.type.startsWith('float')) {
          assert.match(result.dtype, /^float/, label);
          close(data, expected, tolerance(wanted.type === 'float16', one), label);
        } else
          assert.equal(
            [...data].map((value) => wrapped(wanted.type, value)),
            [...expected],
            label,
          );
        result.dispose();
      }
    }
  });
}

test('the file holds what the standard has for these operators', () => {
  const used = new Set(golden.cases.flatMap(({ nodes }) => nodes.map(([type]) => type)));
  assert.equal(
    Object.keys(operators).filter((type) => !used.has(type)),
    [],
    'operators without a case',
  );
  assert.ok(golden.cases.length >= 690, `${golden.cases.length} cases`);
});

test.run();
