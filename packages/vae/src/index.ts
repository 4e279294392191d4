export * from './binarize.ts';
export * from './evaluation.ts';
export * from './gallery/index.ts';
export * from './models/index.ts';
export * from './objectives.ts';
export * from './pass.ts';
export * from './statistics.ts';
export * from './trainer.ts';
