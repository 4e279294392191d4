/** What a WebGPU device has done since it was opened; subtract two snapshots to see what a piece of code costs. */
export interface DeviceStats {
  /** Created, and bytes that are alive. */
  buffers: number;
  bufferBytes: number;
  bindGroups: number;
  pipelines: number;
  /** Host-to-device copies (a batch's uniforms count as one), submits, launches, device-to-host copies. */
  uploads: number;
  submits: number;
  launches: number;
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
