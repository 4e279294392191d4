/*
 * Declarations that hold for a user whatever else is installed. WebGPU's own types are ambient, and come from TypeScript's DOM
 * library (since 6.0), from `@webgpu/types` (which clashes with it, unless `skipLibCheck` hides that), or from nowhere. So
 * a published declaration takes them from a module that looks which there are.
 */

/** Types that have no value of the same name, by which they could be found on `globalThis`. */
const dictionaries: Readonly<Record<string, string>> = {
  GPUBindGroupLayoutEntry:
    "Parameters<Of<'GPUDevice'>['createBindGroupLayout']>[0] extends { entries: Iterable<infer Entry> } ? Entry : any",
  GPUBufferBinding: '{ buffer: GPUBuffer; offset?: number; size?: number }',
  GPUComputePipelineDescriptor: "Parameters<Of<'GPUDevice'>['createComputePipeline']>[0]",
  GPUPowerPreference: "'low-power' | 'high-performance'",
};

/** Its name in a package's `dist`. */
export const AMBIENT = 'webgpu-types';

/** The module of WebGPU's types, of those named only. */
export function ambientModule(names: Iterable<string>): string {
  const wanted = new Set(names);
  if (wanted.has('GPUBufferBinding')) wanted.add('GPUBuffer');
  const lines = [...wanted]
    .sort()
    .map((name) => `export type ${name} = ${dictionaries[name] ?? `Of<'${name}'>`};`);
  return `/** WebGPU's types as the surroundings declare them; \`any\` where they do not. */
type Of<Name extends string> = typeof globalThis extends { [K in Name]: { prototype: infer Type } } ? Type : any;
${lines.join('\n')}
`;
}

/** Names of WebGPU's types that a declaration mentions outside of comments. `ambient` is the text of `@webgpu/types`. */
export function ambientNames(declaration: string, ambient: string): string[] {
  const code = declaration.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
  const names = [...new Set(code.match(/\bGPU(?:[A-Z]\w*)?\b/g) ?? [])];
  for (const name of names) {
    if (dictionaries[name] || new RegExp(`^declare var ${name}:`, 'm').test(ambient)) continue;
    throw new Error(`build: tools/build/declarations.ts has to say what ${name} is: no value has this name`);
  }
  return names;
}

/**
 * A declaration with `.js` in relative module names, which the compiler leaves as they are in the sources, and with
 * WebGPU's types imported. At the end, so that the lines before stay where the source map has them.
 */
export function publishedDeclaration(declaration: string, ambient: readonly string[], up: string): string {
  const relative = /(\bfrom |\bimport\(|\bdeclare module |^import )(['"])(\.{1,2}\/[^'"]+)\.ts\2/gm;
  const code = declaration.replace(relative, '$1$2$3.js$2');
  if (ambient.length === 0) return code;
  const map = /\n?(\/\/# sourceMappingURL=.*\n?)$/.exec(code);
  const body = map ? code.slice(0, map.index) : code;
  return `${body}\nimport type { ${ambient.join(', ')} } from '${up}${AMBIENT}.js';\n${map?.[1] ?? ''}`;
}
