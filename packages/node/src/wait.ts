const cell = new Int32Array(new SharedArrayBuffer(4));
const PAUSE_MS = 0.3;

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
  await nextTurn();
  while (!settled) {
    Atomics.wait(cell, 0, 0, PAUSE_MS);
    await nextTurn();
  }
  return promise;
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
