/** A tensor takes more bytes than the device binds at once: fewer rows at a time may do. */
export class TensorTooLargeError extends Error {
  override name = 'TensorTooLargeError';
  /** How many were asked for. */
  readonly bytes: number;
  /** The most that the device takes. */
  readonly limit: number;

  constructor(bytes: number, limit: number) {
    super(`a tensor of ${bytes} bytes is more than this adapter binds at once (${limit} bytes): split it`);
    this.bytes = bytes;
    this.limit = limit;
  }
}
