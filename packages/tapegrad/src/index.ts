/**
 * One import for everything, in Node and in a browser. Node's devices, data on disk and run folders are in
 * `tapegrad/node`.
 */
export * from '@tapegrad/autograd';
export * as interchange from '@tapegrad/interchange';
export * as nn from '@tapegrad/nn';
export * from '@tapegrad/tensor';
export * as vae from '@tapegrad/vae';
