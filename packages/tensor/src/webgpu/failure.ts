/** The device is gone (driver reset, unplugged, out of memory); nothing on it can be read any more. */
export class DeviceLostError extends Error {
  constructor(reason: string) {
    super(`the GPU device was lost: ${reason || 'no reason given'}`);
    this.name = 'DeviceLostError';
  }
}

/** What went wrong on a GPU device first. WebGPU reports errors late: they reach the program at the next call. */
export class FailureLog {
  #failure: Error | undefined;

  constructor(gpu: GPUDevice) {
    gpu.lost.then(({ reason, message }) => {
      if (reason !== 'destroyed') this.note(new DeviceLostError(message));
    });
    gpu.onuncapturederror = ({ error }) => this.note(new Error(`WebGPU: ${error.message}`));
  }

  note(error: Error): void {
    this.#failure ??= error;
  }

  /** @throws the first failure, if there was one */
  check(): void {
    if (this.#failure) throw this.#failure;
  }
}
