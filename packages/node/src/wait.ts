/** Milliseconds between two polls; timers and signals are at most this late. */
const [LEAST_PAUSE, MOST_PAUSE] = [0.1, 5];

/**
 * Milliseconds to sleep after having waited for this many. A poll takes a core from the kernels for some 0.07 ms, and with a
 * pause of p ms the end is noticed p/2 late. Over a wait of t ms, the sum of both is least if p grows as √t.
 */
const pauseAfter = (waited: number) => Math.min(MOST_PAUSE, Math.max(LEAST_PAUSE, 0.5 * Math.sqrt(waited)));

/**
 * Awaits what a software adapter computes. While a WebGPU promise is pending, Dawn for Node checks it in every turn
 * of the event loop without pausing, which takes a core from the threads that compute (measured: kernels on two cores
 * ran 1.7 times slower). Sleeping a little in each turn gives the core back; timers and signals still arrive.
 */
export async function waitIdly<T>(promise: Promise<T>): Promise<T> {
  let settled = false;
  const settle = () => {
    settled = true;
  };
  promise.then(settle, settle);
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const start = performance.now();
  await nextTurn();
  while (!settled) {
    Atomics.wait(cell, 0, 0, pauseAfter(performance.now() - start));
    await nextTurn();
  }
  return promise;
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
