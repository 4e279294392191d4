import './methods.ts';

export {
  type BackwardOptions,
  backward,
  clearGradient,
  detach,
  requiresGrad,
  setGradientSlot,
} from './backward.ts';
export { grad, valueAndGrad, valueAndVjps, vjp } from './functional.ts';
export { type GradcheckOptions, gradcheck } from './gradcheck.ts';
export { enableGrad, type Graph, graphOf, isGradEnabled, noGrad, walk } from './graph.ts';
export { defineRule, rules, type Vjp, type VjpContext } from './rules.ts';
