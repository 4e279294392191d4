import { type Declaration, renamed, type Shared, type WgslModule } from './wgsl-module.ts';

/*
 * Several kernels as one, whose workgroups are divided among them: what a linker does with object files. Declarations that
 * are alike become one; all others get names of their own, as do the uniforms; and since a workgroup runs one of the kernels
 * only, their shared memory lies in the same place.
 */

/** A kernel to be linked. */
export interface Part {
  readonly module: WgslModule;
  /** For each of its bindings, the number in the linked kernel. */
  readonly slots: readonly number[];
  /** How many of them it writes, which come first. */
  readonly outputs: number;
}

/** The name of a part's uniform in the linked kernel. */
export const fieldOf = (field: string, part: number) => `${field}__${part}`;

/** Uniforms of a part besides its own, which may have any names: the workgroup after its last, and the extents of its workgroups. */
export const PLACING = { link__end: 'u32', link__extents: 'vec3u' } as const;

/** What the threads of a linked kernel work out for their part, and what is the same for both. */
const GIVEN: Readonly<Record<string, string>> = {
  workgroup_id: 'place_of(at, extents)',
  num_workgroups: 'extents',
  local_invocation_index: 'local',
};
const SAME: Readonly<Record<string, string>> = {
  local_invocation_id: 'vec3u',
  subgroup_invocation_id: 'u32',
  subgroup_size: 'u32',
};

const ownName = (builtin: string) => `own_${Object.keys(SAME).indexOf(builtin)}`;

/** Threads of a linked kernel's workgroup; undefined where the kernels do not go together. */
export function linkedSize(modules: readonly WgslModule[]): number | undefined {
  const size = Math.max(...modules.map(({ entry }) => entry.size));
  const fits = modules.every(({ entry, meets }) =>
    // Threads that never meet may be part of a larger workgroup.
    meets
      ? entry.size === size && entry.builtins.every((name) => name in GIVEN || name in SAME)
      : size % entry.size === 0 && entry.builtins.every((name) => name in GIVEN),
  );
  return fits ? size : undefined;
}

/** Bytes of the shared memory of kernels that are linked. */
export const sharedBytes = (modules: readonly WgslModule[]): number =>
  [...poolOf(modules).values()].reduce((sum, { bytes }) => sum + bytes, 0);

/** The arrays of one type are the same ones in all parts, each as long as the longest. */
function poolOf(modules: readonly WgslModule[]): Map<string, Shared> {
  const pool = new Map<string, Shared>();
  for (const { shared } of modules)
    for (const [k, one] of shared.entries()) {
      const name = pooledName(shared, k);
      if ((pool.get(name)?.length ?? 0) < one.length) pool.set(name, one);
    }
  return pool;
}

/** By its type, and by its number among the part's arrays of that type. */
function pooledName(shared: readonly Shared[], k: number): string {
  const { type } = shared[k]!;
  return `shared_${type}_${shared.slice(0, k).filter((other) => other.type === type).length}`;
}

/** The WGSL of the linked kernel, `main`, without its uniforms and what every kernel has before it. */
export function link(parts: readonly Part[]): string {
  const modules = parts.map(({ module }) => module);
  const texts = [
    ...new Set(parts.flatMap(buffersOf)),
    ...[...poolOf(modules)].map(
      ([name, { type, length }]) => `var<workgroup> ${name}: array<${type}, ${length}>;`,
    ),
  ];
  /** The names of what is there already, by its text without the name. */
  const known = new Map<string, string>();
  const taken = new Set(['main', 'place_of']);
  const entries = parts.map(({ module, slots }, part) => {
    const names = new Map([
      ...module.aliases,
      ...module.shared.map(({ name }, k) => [name, pooledName(module.shared, k)] as const),
      ...module.buffers.map(({ name, slot }) => [name, bufferName(slots[slot]!)] as const),
    ]);
    const inPart = (text: string) =>
      renamed(text, (name) => names.get(name) ?? name).replace(
        /\bparams\.(\w+)/g,
        (_, field: string) => `params.${fieldOf(field, part)}`,
      );
    const declare = ({ kind, name, text }: Declaration) => {
      const as = (own: string) => {
        names.set(name, own);
        // The members of a struct keep their names.
        if (kind !== 'struct') return inPart(text);
        return text.replace(name, own).replace(/:[^,}]+/g, inPart);
      };
      const key = `${name} ${as('·')}`;
      const own = known.get(key) ?? (taken.has(name) ? `${name}__${part}` : name);
      const whole = as(own);
      if (!known.has(key)) texts.push(whole);
      known.set(key, own);
      taken.add(own);
    };
    for (const one of module.others) declare(one);
    declare({ ...module.entry, kind: 'fn' });
    return names.get(module.entry.name)!;
  });
  return [...texts, PLACE_OF, ...mainOf(modules, entries)].join('\n');
}

const bufferName = (binding: number) => `buffer__${binding}`;

/** Parts that bind the same buffer in the same way declare it with the same words. */
const buffersOf = ({ module, slots, outputs }: Part) =>
  module.buffers.map(({ slot, type }) => {
    const access = slot < outputs ? 'read_write' : 'read';
    const binding = slots[slot]!;
    return `@group(0) @binding(${binding + 1}) var<storage, ${access}> ${bufferName(binding)}: ${type};`;
  });

const PLACE_OF = `fn place_of(at: u32, extents: vec3u) -> vec3u {
  let y = at / extents.x;
  let z = y / extents.y;
  return vec3u(at - y * extents.x, y - z * extents.y, z);
}`;

function mainOf(modules: readonly WgslModule[], entries: readonly string[]): string[] {
  const size = linkedSize(modules)!;
  const same = Object.entries(SAME).filter(([name]) =>
    modules.some(({ entry }) => entry.builtins.includes(name)),
  );
  const parameters = [
    '@builtin(workgroup_id) id: vec3u',
    '@builtin(num_workgroups) groups: vec3u',
    '@builtin(local_invocation_index) thread: u32',
    ...same.map(([name, type]) => `@builtin(${name}) ${ownName(name)}: ${type}`),
  ];
  const blocks = modules.flatMap(({ entry }, part) => {
    const first = part === 0 ? '0u' : `params.${fieldOf('link__end', part - 1)}`;
    const many = size / entry.size;
    const call = `${entries[part]}(${entry.builtins.map((name) => GIVEN[name] ?? ownName(name)).join(', ')});`;
    return [
      `  ${part === 0 ? '' : 'else '}if group < params.${fieldOf('link__end', part)} {`,
      `    let extents = params.${fieldOf('link__extents', part)};`,
      ...(many === 1
        ? [`    let at = group - ${first};`, '    let local = thread;', `    ${call}`]
        : [
            `    let at = (group - ${first}) * ${many}u + thread / ${entry.size}u;`,
            `    let local = thread % ${entry.size}u;`,
            `    if at < extents.x * extents.y * extents.z { ${call} }`,
          ]),
      '  }',
    ];
  });
  return [
    `@compute @workgroup_size(${size})`,
    `fn main(${parameters.join(', ')}) {`,
    '  let group = group_index(id, groups);',
    ...blocks,
    '}',
  ];
}
