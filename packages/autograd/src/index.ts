import './methods.ts';

export {
  type BackwardOptions,
  backward,
  clearGradient,
  detach,
  grad,
  noGrad,
  requiresGrad,
  setGradientSlot,
  valueAndGrad,
  valueAndVjps,
  vjp,
} from './autograd.ts';
export { type GradcheckOptions, gradcheck } from './gradcheck.ts';
export { type Context, defineRule, rules, type Vjp } from './rules.ts';
export { Tape } from './tape.ts';
