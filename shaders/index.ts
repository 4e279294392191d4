import { readShader } from './read.ts';

export type { ShaderFile } from './read.ts';

/*
 * The WGSL files of this folder, a kernel family each, by their names, so that a bundle has those that its program names. Here,
 * in the checkout, they are read from disk; the build puts a module that holds them as strings in the place of this one, so that
 * no bundler, page or worker has to find files. What others include (`contraction_tiled`, `digits`) is part of them.
 */

export const accumulate = readShader('accumulate');
export const addParts = readShader('add_parts');
export const cast = readShader('cast');
export const chain = readShader('chain');
export const contractionBands = readShader('contraction_bands');
export const contractionLanes = readShader('contraction_lanes');
export const contractionLong = readShader('contraction_long');
export const contractionMatrix = readShader('contraction_matrix');
export const contractionNaive = readShader('contraction_naive');
export const contractionPatches = readShader('contraction_patches');
export const contractionPixels = readShader('contraction_pixels');
export const contractionPlanes = readShader('contraction_planes');
export const contractionQuads = readShader('contraction_quads');
export const contractionResident = readShader('contraction_resident');
export const contractionSlides = readShader('contraction_slides');
export const contractionThin = readShader('contraction_thin');
export const contractionTiles = readShader('contraction_tiles');
export const copy = readShader('copy');
export const elementwise = readShader('elementwise');
export const gather = readShader('gather');
export const logStep = readShader('log_step');
export const mergePhases = readShader('merge_phases');
export const optimize = readShader('optimize');
export const pool = readShader('pool');
export const prelude = readShader('prelude');
export const random = readShader('random');
export const reduce = readShader('reduce');
export const scan = readShader('scan');
export const softmax = readShader('softmax');
export const training = readShader('training');
