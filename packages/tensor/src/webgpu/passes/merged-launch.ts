import * as wgsl from '@tapegrad/shaders';
import { type Launch, shader } from '../../lowering/launch.ts';
import type { RecordedLaunch } from '../dispatch.ts';
import { type CodePlaces, expressionCode } from './expression-code.ts';
import type { FusedExpression } from './fused-expression.ts';
import type { Node } from './program-index.ts';

const chain = shader(wgsl.chain, {
  /** Elements, or vec4s of them. */
  items: 'u32',
});

/** A launch with the kernel and the uniforms for what was merged into it. There are as many workgroups either way. */
export function mergedLaunch({ loads, ends, at: _, ...node }: Node): RecordedLaunch {
  let { launch } = node;
  const { fusion } = launch;
  const isElementwise = fusion?.role === 'elementwise';
  // Of an elementwise launch, one step is its own.
  if (loads && loads.steps.length > (isElementwise ? 1 : 0)) {
    const { constants = {} } = launch;
    const vectors = fusion?.role === 'producer' ? fusion.loads!.vectors : Boolean(constants.VECTORS);
    const base: Launch = isElementwise
      ? {
          ...launch,
          shader: chain,
          uniforms: { items: loads.size / (vectors ? 4 : 1) },
          constants: { WORKGROUP: constants.WORKGROUP!, ITEMS: constants.ITEMS!, VECTORS: vectors },
          code: '',
        }
      : { ...launch, constants: { ...constants, MERGED: true } };
    launch = withExpression({ ...base, inputs: [] }, loads, 'value', vectors);
  }
  if (ends) {
    const { vectors } = fusion as Extract<typeof fusion, { role: 'producer' }>;
    const base = { ...launch, constants: { ...launch.constants, FUSED: true } };
    launch = withExpression(base, ends, 'finish', vectors);
  }
  return { ...node, launch };
}

/** A launch that reads an expression's inputs after its own, and has its code and its numbers. */
function withExpression(
  launch: Launch,
  expression: FusedExpression,
  name: CodePlaces['name'],
  vectors: boolean,
): Launch {
  const input = launch.inputs.length;
  const binding = 1 + launch.outputs.length + input;
  const { wgsl, field, values } = expressionCode(expression, { name, vectors, binding, input });
  return {
    ...launch,
    shader: { ...launch.shader, uniforms: launch.shader.uniforms.with(field) },
    uniforms: { ...launch.uniforms, ...values },
    inputs: [...launch.inputs, ...expression.inputs.map(({ tensor }) => tensor)],
    code: [launch.code, wgsl].filter(Boolean).join('\n'),
  };
}
