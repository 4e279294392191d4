/** The WGSL files of this folder, one kernel family each. */
export const shaderNames = [
  'add_parts',
  'cast',
  'chain',
  'contraction_bands',
  'contraction_lanes',
  'contraction_matrix',
  'contraction_naive',
  'contraction_resident',
  'contraction_slides',
  'contraction_tiled',
  'contraction_tiles',
  'copy',
  'elementwise',
  'gather',
  'merge_phases',
  'optimize',
  'pool',
  'prelude',
  'random',
  'log_step',
  'reduce',
  'scan',
  'softmax',
  'training',
] as const;

export type ShaderName = (typeof shaderNames)[number];
