/** Everything in one import, in Node and in a browser. Files, run folders and the command are in `tapegrad/node`. */
export * from '@tapegrad/autograd';
export * as nn from '@tapegrad/nn';
export * from '@tapegrad/tensor';
export * as vae from '@tapegrad/vae';
