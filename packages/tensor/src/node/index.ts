export { type FindOptions, findAdapter } from './adapter.ts';
export { type ChosenAdapter, type DiagnosedCandidate, type Diagnosis, diagnose } from './diagnose.ts';
export type { AdapterKind, FoundAdapter } from './kinds.ts';
