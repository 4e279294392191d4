/** The WGSL files of this folder, one kernel family each. */
export const shaderNames = [
  'prelude',
  'add_parts',
  'cast',
  'chain',
  'contraction',
  'contraction_bands',
  'contraction_lanes',
  'contraction_matrix',
  'contraction_resident',
  'contraction_slides',
  'contraction_tiled',
  'contraction_tiles',
  'copy',
  'elementwise',
  'gather',
  'merge_phases',
  'optimize',
  'random',
  'record',
  'reduce',
  'softmax',
  'training',
] as const;

export type ShaderName = (typeof shaderNames)[number];

/**
 * Loads every shader's source. `read` gets a file's text: Node reads it from disk, a browser fetches it (the default).
 * The URLs are written so that bundlers find and carry the files.
 */
export async function loadShaders(
  read: (url: URL) => Promise<string> = async (url) => (await fetch(url)).text(),
): Promise<Map<string, string>> {
  const entries = shaderNames.map(
    async (name) => [name, await read(new URL(`./${name}.wgsl`, import.meta.url))] as const,
  );
  return new Map(await Promise.all(entries));
}
