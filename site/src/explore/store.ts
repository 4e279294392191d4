import type { RunFiles } from '../train/protocol.ts';
import { Client } from '../ui/rpc.ts';
import type { Encoded, Opened } from './explorer.ts';
import { gridCodes, type Plane } from './view.ts';
import type { ExploreHandlers } from './worker.ts';

/** Images along each side of the manifold. */
export const GRID = 12;

/** The model that is looked at, and the code that is shown. */
export class ExploreStore {
  opened: (Opened & { readonly adapter: string }) | undefined;
  code: Float32Array = new Float32Array(0);
  image: Uint8Array | undefined;
  plane: Plane = [0, undefined];
  manifold: Uint8Array | undefined;
  /** What the drawing, or a chosen digit, was encoded to. */
  encoded: Encoded | undefined;
  input: Uint8Array | undefined;
  problem = '';
  isBusy = true;
  /** Images a second while something moves. */
  framesPerSecond = 0;
  readonly #client: Client<ExploreHandlers>;
  readonly #listeners = new Set<() => void>();
  #frame = 0;
  #wanted: Float32Array | undefined;
  #isDecoding = false;
  #isDrawingManifold = false;
  #manifoldAsked = false;
  #times: number[] = [];

  constructor(worker: Worker) {
    this.#client = new Client<ExploreHandlers>(worker);
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  changed(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      for (const listener of this.#listeners) listener();
    });
  }

  /** Shows what went wrong. */
  fail(message: string): void {
    this.problem = message;
    this.changed();
  }

  async open(files: RunFiles | undefined, hasGpu: boolean): Promise<void> {
    this.isBusy = true;
    this.problem = '';
    this.changed();
    await this.#attempt(async () => {
      const base = new URL('../', location.href).href;
      const opened = await this.#client.ask('open', { base, files, hasGpu });
      this.opened = opened;
      this.code = Float32Array.from(opened.isVector ? opened.center : new Float32Array(opened.size));
      const [first = 0, second] = opened.order.slice(0, 2).sort((a, b) => a - b);
      this.plane = [first, second];
      this.encoded = undefined;
      this.input = undefined;
      this.manifold = undefined;
      if (opened.isVector) {
        this.#askFor(this.code);
        this.#drawManifold();
      } else await this.draw();
    });
    this.isBusy = false;
    this.changed();
  }

  /** Shows the image of a code; of those that come while one is being made, only the last. */
  show(code: Float32Array): void {
    this.code = code;
    this.#askFor(code);
    this.changed();
  }

  setPlane(plane: Plane): void {
    this.plane = plane;
    this.#drawManifold();
    this.changed();
  }

  /** The manifold goes through the code that is shown. */
  refreshManifold(): void {
    this.#drawManifold();
  }

  async encode(pixels: Uint8Array): Promise<void> {
    await this.#attempt(async () => {
      this.input = pixels;
      this.encoded = await this.#client.ask('encode', pixels);
      this.code = Float32Array.from(this.encoded.code);
      this.image = this.encoded.reconstruction;
    });
    this.changed();
  }

  /** A draw from the prior. */
  async draw(): Promise<void> {
    await this.#attempt(async () => {
      this.show(await this.#client.ask('draw', Math.floor(Math.random() * 2 ** 31)));
    });
  }

  #askFor(code: Float32Array): void {
    this.#wanted = code;
    if (!this.#isDecoding) void this.#decodeWanted();
  }

  async #decodeWanted(): Promise<void> {
    this.#isDecoding = true;
    while (this.#wanted) {
      const code = this.#wanted;
      this.#wanted = undefined;
      await this.#attempt(async () => {
        this.image = await this.#client.ask('decode', code);
      });
      this.#countFrame();
      this.changed();
    }
    this.#isDecoding = false;
    if (this.#manifoldAsked) this.#drawManifold();
  }

  #countFrame(): void {
    const now = performance.now();
    this.#times = [...this.#times.filter((time) => now - time < 1000), now];
    const span = (now - this.#times[0]!) / 1000;
    this.framesPerSecond = span > 0.3 ? (this.#times.length - 1) / span : 0;
  }

  #drawManifold(): void {
    this.#manifoldAsked = true;
    if (this.#isDrawingManifold || this.#isDecoding) return;
    this.#isDrawingManifold = true;
    void this.#attempt(async () => {
      while (this.#manifoldAsked && this.opened) {
        this.#manifoldAsked = false;
        this.manifold = await this.#client.ask('decode', gridCodes(this.opened, this.code, this.plane, GRID));
        this.changed();
      }
    }).finally(() => {
      this.#isDrawingManifold = false;
    });
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.fail((error as Error).message);
    }
  }
}
