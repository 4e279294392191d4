import type { KernelRow } from './kernels/measure.ts';

/** Text as HTML shows it. */
export const escapeHtml = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** Kinds of kernels that share a colour: at most as many as can be told apart. */
export const GROUPS: readonly { readonly short: string; readonly families: readonly string[] }[] = [
  { short: 'matmul', families: ['matmul'] },
  { short: 'convolution', families: ['conv2d', 'conv2d input gradient', 'conv2d weight gradient'] },
  { short: 'elementwise, movement', families: ['elementwise', 'movement'] },
  { short: 'reduction, softmax', families: ['reduction', 'scan', 'softmax', 'pool', 'loss'] },
  { short: 'random numbers', families: ['random'] },
  { short: 'Adam, batches', families: ['adam', 'training'] },
];

export const groupOf = ({ id }: Pick<KernelRow, 'id'>): number => {
  const family = id.split('/')[0]!;
  return Math.max(
    0,
    GROUPS.findIndex(({ families }) => families.includes(family)),
  );
};
