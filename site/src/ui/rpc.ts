/* Questions to a worker, and its answers. */

/** What a worker can be asked, by name. */
export type Handlers = Record<string, (argument: never) => unknown>;

type Answer<T> = T extends Promise<infer R> ? R : T;

interface Question {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

type Reply = { readonly id: number } & ({ readonly value: unknown } | { readonly error: string });

/** Answers questions in a worker, one after the other. */
export function serve(handlers: Handlers): void {
  const scope = globalThis as unknown as {
    onmessage: unknown;
    postMessage(message: Reply): void;
  };
  let last: Promise<unknown> = Promise.resolve();
  scope.onmessage = ({ data: { id, name, argument } }: MessageEvent<Question>) => {
    last = last.then(async () => {
      try {
        scope.postMessage({ id, value: await handlers[name]!(argument as never) });
      } catch (error) {
        scope.postMessage({ id, error: (error as Error).message });
      }
    });
  };
}

/** Asks a worker. */
export class Client<H extends Handlers> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #next = 0;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      const waiting = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if ('error' in data) waiting?.reject(new Error(data.error));
      else waiting?.resolve(data.value);
    };
    worker.onerror = ({ message }) => this.#failAll(message);
  }

  ask<K extends keyof H & string>(name: K, argument: Parameters<H[K]>[0]): Promise<Answer<ReturnType<H[K]>>> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#worker.postMessage({ id, name, argument } satisfies Question);
    });
  }

  /** Ends the worker: what it was asked is answered with an error. */
  end(): void {
    this.#worker.terminate();
    this.#failAll('stopped');
  }

  #failAll(message: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(message));
    this.#waiting.clear();
  }
}
