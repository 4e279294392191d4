/** A tensor takes more bytes than the device binds at once: fewer rows at a time may do. */
export class TensorTooLargeError extends Error {
  override name = 'TensorTooLargeError';
  /** How many were asked for. */
  readonly bytes: number;
  /** The most that the device takes. */
  readonly limit: number;

  /** @param whose what was to have it, and as what, such as `add: float32 [65536, 65536], ` */
  constructor(bytes: number, limit: number, whose = '') {
    super(
      `${whose}a tensor of ${bytes} bytes is more than this adapter binds at once (${limit} bytes): split it`,
    );
    this.bytes = bytes;
    this.limit = limit;
  }
}
