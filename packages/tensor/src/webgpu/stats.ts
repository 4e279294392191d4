/** What a WebGPU device has done since it was opened; subtract two snapshots to see what a piece of code costs. */
export interface DeviceStats {
  /** Buffers created. */
  buffers: number;
  /** Bytes of those that are alive. */
  bufferBytes: number;
  /** Bind groups created. */
  bindGroups: number;
  /** Kernels compiled. */
  pipelines: number;
  /** Copies from the host; the uniforms of a batch of launches count as one. */
  uploads: number;
  /** Batches of commands handed to the queue. */
  submits: number;
  /** Kernels launched. */
  launches: number;
  /** Copies to the host. */
  readbacks: number;
}

export const noStats = (): DeviceStats => ({
  buffers: 0,
  bufferBytes: 0,
  bindGroups: 0,
  pipelines: 0,
  uploads: 0,
  submits: 0,
  launches: 0,
  readbacks: 0,
});
