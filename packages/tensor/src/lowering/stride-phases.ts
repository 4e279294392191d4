/*
 * Pixels whose coordinate has the same remainder by the stride see the same taps of a convolution. Each such phase of the
 * input gradient is a dense contraction, in which no zeros are inserted or multiplied.
 */

/**
 * Along one axis, the pixels i ≡ r (mod stride) of the image, and the taps k that reach them: those with
 * i + padding − k·dilation divisible by the stride, namely firstTap, firstTap + tapStep, …; pixel number q meets tap
 * number t at output start + q + t·move.
 */
function phaseOf(
  r: number,
  extent: number,
  kernel: number,
  stride: number,
  padding: number,
  dilation: number,
) {
  const tapStep = stride / gcd(stride, dilation);
  let firstTap = 0;
  while (firstTap < tapStep && (r + padding - firstTap * dilation) % stride !== 0) firstTap++;
  const reached = firstTap < Math.min(tapStep, kernel);
  return {
    pixels: Math.ceil((extent - r) / stride),
    taps: reached ? Math.ceil((kernel - firstTap) / tapStep) : 0,
    firstTap: reached ? firstTap : 0,
    tapStep,
    start: reached ? (r + padding - firstTap * dilation) / stride : 0,
    move: -(tapStep * dilation) / stride,
  };
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

export type Phase = ReturnType<typeof phaseOf>;

/** All phases along one axis of an image. */
export function phasesOf(
  extent: number,
  kernel: number,
  stride: number,
  padding: number,
  dilation: number,
): Phase[] {
  return Array.from({ length: Math.min(stride, extent) }, (_, r) =>
    phaseOf(r, extent, kernel, stride, padding, dilation),
  );
}

/** By what the first tap and the start grow from phase to phase, if all are alike and grow evenly. */
export function stepsOf(phases: readonly Phase[]): Pick<Phase, 'firstTap' | 'start'> | undefined {
  const [first, second] = phases as [Phase, Phase | undefined];
  const firstTap = second ? second.firstTap - first.firstTap : 0;
  const start = second ? second.start - first.start : 0;
  const alike = phases.every(
    (one, r) =>
      one.taps > 0 &&
      one.taps === first.taps &&
      one.pixels === first.pixels &&
      one.firstTap === first.firstTap + r * firstTap &&
      one.start === first.start + r * start,
  );
  return alike ? { firstTap, start } : undefined;
}
