import type { AdapterKind, WebGPUDevice } from '@tapegrad/tensor';
import { rewriting } from './rewritten.ts';

/*
 * Subgroups of other sizes than the adapter's: WGSL whose subgroup operations are replaced by reads of workgroup memory
 * between barriers. The kernels' workgroups are one subgroup each, so a workgroup's threads are the lanes.
 */

export interface Subgroups {
  readonly size: number;
  /** Which lane a thread is: `local_invocation_index` times an odd number, plus another, modulo the size. */
  readonly permutation?: readonly [times: number, plus: number];
}

/** One exchange: the text from a line's first character of the operation on. */
const OPERATION = /\bsubgroup(ShuffleXor|ShuffleUp|Shuffle|Broadcast)\(([\w.[\]]+), ([\w -]+)\)/g;

/** The lane that is read by one. Up from below the first lane a value is undefined. */
const LANES: Readonly<Record<string, (argument: string, size: number) => string>> = {
  ShuffleXor: (mask) => `(emulated_lane ^ ${mask})`,
  ShuffleUp: (delta, size) => `((emulated_lane - ${delta}) % ${size}u)`,
};

/**
 * WGSL without subgroup operations. Values that a stretch of straight-line code exchanges are written to workgroup memory
 * together, so that a kernel with hundreds of shuffles has few barriers, each of which a software adapter compiles long.
 * @throws where the text has subgroup operations of another kind
 */
export function withEmulatedSubgroups(
  code: string,
  { size, permutation: [times, plus] = [1, 0] }: Subgroups,
): string {
  if (!code.includes('enable subgroups;')) return code;
  const lines = withLanesOfThreads(code.replace('enable subgroups;', ''), size, [times, plus]).split('\n');
  const out: string[] = [];
  let most = 0;
  for (let at = 0; at < lines.length; at++) {
    const sources = [...lines[at]!.matchAll(OPERATION)].map((match) => match[2]!);
    if (sources.length === 0) {
      out.push(lines[at]!);
      continue;
    }
    // The stretch goes on as long as what it exchanges is known at its beginning.
    let end = at + 1;
    const changed = new Set(assigned(lines[at]!));
    for (let next = end; next < lines.length && !/[{}]/.test(lines[next]!); next++) {
      const more = [...lines[next]!.matchAll(OPERATION)].map((match) => match[2]!);
      if (more.some((source) => changed.has(baseOf(source)))) break;
      for (const name of assigned(lines[next]!)) changed.add(name);
      if (more.length === 0) continue;
      sources.push(...more);
      end = next + 1;
    }
    const distinct = [...new Set(sources)];
    most = Math.max(most, distinct.length);
    out.push(
      '  workgroupBarrier();',
      ...distinct.map((source, k) => `  emulated[${k * size}u + emulated_lane] = bitcast<u32>(${source});`),
      '  workgroupBarrier();',
      ...lines.slice(at, end).map((line) =>
        line.replace(OPERATION, (_, operation: string, source: string, argument: string) => {
          const lane = LANES[operation]?.(argument, size) ?? argument;
          const word = `emulated[${distinct.indexOf(source) * size}u + ${lane}]`;
          return source.endsWith('.index') ? word : `bitcast<f32>(${word})`;
        }),
      ),
    );
    at = end - 1;
  }
  const rewritten = out.join('\n');
  const left = /\bsubgroup\w*\(|subgroup_invocation_id|subgroup_size|subgroup_id/.exec(rewritten);
  if (left) throw new Error(`the emulation of subgroups knows no ${left[0]}: teach it to`);
  return [
    rewritten,
    'var<private> emulated_lane: u32;',
    `var<workgroup> emulated: array<u32, ${Math.max(1, most) * size}>;`,
  ].join('\n');
}

/** The entry point, which learns its lane from its thread's number. */
function withLanesOfThreads(code: string, size: number, [times, plus]: readonly [number, number]): string {
  return code.replace(
    /(@compute[^{]*\bfn \w+\()([^{]*)(\) \{\n)/,
    (_, before: string, parameters: string, after: string) => {
      const thread = /@builtin\(local_invocation_index\) (\w+)/.exec(parameters)?.[1] ?? 'thread_of_lane';
      let lane = '';
      const others = parameters.replace(
        /@builtin\(subgroup_invocation_id\) (\w+): u32/,
        (_, name: string) => {
          lane = `  let ${name} = emulated_lane;\n`;
          return thread === 'thread_of_lane' ? '@builtin(local_invocation_index) thread_of_lane: u32' : '';
        },
      );
      return `${before}${others}${after}  emulated_lane = (${times}u * ${thread} + ${plus}u) % ${size}u;\n${lane}`;
    },
  );
}

const baseOf = (source: string) => /^\w+/.exec(source)![0];

/** Names that a line declares or changes. */
const assigned = (line: string) =>
  [...line.matchAll(/(\w+)(?:\.\w+|\[[^\]]*\])*(?:: \w+)? [-+*/]?= /g)].map((match) => match[1]!);

/**
 * A device that is like an adapter of another kind: with subgroups of one size, or without any that kernels could use. Its
 * kernels are those that such an adapter gets, run by SwiftShader, which compiles their many barriers ten times as fast as
 * lavapipe.
 */
export async function emulated(kind: AdapterKind, subgroups: Subgroups | undefined): Promise<WebGPUDevice> {
  const device = await rewriting('swiftshader', (code) => {
    if (subgroups) return withEmulatedSubgroups(code, subgroups);
    if (/^enable subgroups;/m.test(code)) throw new Error('a kernel uses subgroups that are not there');
    return code;
  });
  const range = subgroups && { min: subgroups.size, max: subgroups.size };
  return Object.assign(device, { adapterKind: kind, subgroups: range, matrices: [] });
}
