import type { Launch } from '../launch.ts';
import type { UniformFields } from '../uniforms.ts';

/** A launch, its uniforms checked against their declaration, as one among others. */
export const launchOf = <F extends UniformFields>(launch: Launch<F>): Launch => launch as unknown as Launch;
