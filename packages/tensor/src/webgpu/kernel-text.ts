import { prelude } from '@tapegrad/shaders';
import type { DType } from '../dtype.ts';
import type { Launch } from '../lowering/launch.ts';
import { expandTemplate } from './template.ts';

/** What a binding's elements are in WGSL; uint8 is packed in words. */
const wgslTypes: Record<DType, string> = {
  float32: 'f32',
  float16: 'f16',
  int32: 'i32',
  uint32: 'u32',
  uint8: 'u32',
};

/** A kernel's WGSL, but for its uniforms and for what every kernel has before it. */
export interface KernelText {
  /** Directives, which have to come first. */
  readonly enables: readonly string[];
  /** The aliases and constants that the host sets. */
  readonly head: string;
  /** The shader, its template expanded, and what the launch appends. */
  readonly body: string;
}

/** What launches with the same text have in common: by hand, since eager programs look for a kernel at every launch. */
export function textKey({ shader, outputs, inputs, constants, code = '' }: Launch): string {
  let key = `${shader.name}.${shader.entry}|`;
  for (const { dtype } of outputs) key += `${dtype},`;
  key += '|';
  for (const { dtype } of inputs) key += `${dtype},`;
  for (const name in constants) key += `|${name} ${constants[name]}`;
  return `${key}|${code}`;
}

export function kernelText(launch: Launch): KernelText {
  const { constants = {}, shader } = launch;
  const [outputs, inputs] = [launch.outputs, launch.inputs].map((list) =>
    list.map(({ dtype }) => wgslTypes[dtype]),
  ) as [string[], string[]];
  const body = shader.wgsl.includes('//%')
    ? expandTemplate(shader.wgsl, constants, shader.entry)
    : shader.wgsl;
  return {
    enables: [
      ...(body.match(/^enable .*;$/gm) ?? []),
      ...([...outputs, ...inputs].includes('f16') ? ['enable f16;'] : []),
    ],
    head: [
      // The types that the bindings hold, where a kernel serves several.
      ...outputs.map((type, i) => `alias Out${i} = ${type};`),
      ...Array.from(
        { length: Math.max(4, inputs.length) },
        (_, i) => `alias In${i} = ${inputs[i] ?? 'f32'};`,
      ),
      ...Object.entries(constants).map(
        ([name, value]) =>
          `const ${name} = ${typeof value === 'number' ? `${value}${value < 0 ? 'i' : 'u'}` : value};`,
      ),
    ].join('\n'),
    body: [body.replace(/^enable .*;$/gm, ''), launch.code ?? ''].join('\n'),
  };
}

/** The whole of it, as it is compiled. */
export const wholeText = ({ enables, head, body }: KernelText, { shader }: Launch) =>
  [...enables, head, shader.uniforms.wgsl, prelude.wgsl, body].join('\n');
