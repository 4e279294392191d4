import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Array32, isTraining, type Peer, type Task } from './task.ts';

export const script = fileURLToPath(new URL('./pytorch.py', import.meta.url));

/** PyTorch in a process of its own, in whichever python3 has it; on the CPU with so many threads. */
export async function pytorch(device: 'cpu' | 'cuda', threads = 1): Promise<Peer> {
  const { python, version } = await findPython(device);
  const server = new Server(python, device, threads);
  const counted = `CPU, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  return {
    name: `PyTorch (${device === 'cpu' ? counted : 'CUDA'})`,
    version,
    async enter(task) {
      const { check } = await server.ask({ task: encodeTask(task) });
      return {
        check: async () => check!,
        run: async (times) => (await server.ask({ times })).ms!,
        dispose() {},
      };
    },
    close: () => server.close(),
  };
}

/** Prints the version, if PyTorch has the device. */
const PROBES = {
  cpu: 'import torch; print(torch.__version__)',
  cuda: 'import torch; assert torch.cuda.is_available(); print(torch.__version__)',
};

/** The first python3 of the PATH, or of the system, whose PyTorch has the device. */
export async function findPython(device: 'cpu' | 'cuda'): Promise<{ python: string; version: string }> {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/bin', '/usr/bin'].filter(
    Boolean,
  );
  for (const folder of new Set(folders)) {
    const python = join(folder, 'python3');
    try {
      const { stdout } = await promisify(execFile)(python, ['-c', PROBES[device]]);
      return { python, version: stdout.trim() };
    } catch {
      // no python3 here, or one without torch
    }
  }
  throw new Error(`no python3 on the PATH can import torch${device === 'cuda' ? ' with CUDA' : ''}`);
}

interface Answer {
  readonly check?: number;
  readonly ms?: number;
  readonly error?: string;
}

/** The script's process: one question, one answer. */
class Server {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #complaints = '';

  constructor(python: string, device: string, threads: number) {
    this.#child = spawn(python, [script, '--serve', '--device', device, '--threads', String(threads)]);
    this.#child.stderr.on('data', (text) => {
      this.#complaints += text;
    });
    // A process that has ended: the next question finds no answer.
    this.#child.stdin.on('error', () => {});
    this.#child.on('error', () => {});
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async ask(question: object): Promise<Answer> {
    this.#child.stdin.write(`${JSON.stringify(question)}\n`);
    const { value, done } = await this.#lines.next();
    if (done)
      throw new Error(`python3 ended: ${this.#complaints.trim().split('\n').at(-1) || 'no reason given'}`);
    const answer = JSON.parse(value) as Answer;
    if (answer.error) throw new Error(answer.error);
    return answer;
  }

  close(): void {
    this.#child.kill();
  }
}

const encode = ({ shape, data }: Array32) => ({
  shape,
  data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'),
});

function encodeTask(task: Task): object {
  if (isTraining(task)) {
    const weights = Object.fromEntries([...task.weights].map(([name, array]) => [name, encode(array)]));
    return { kind: task.kind, weights, batch: encode(task.batch), lr: task.lr, betas: task.betas };
  }
  if (task.kind === 'matmul') return { kind: task.kind, a: encode(task.a), b: encode(task.b) };
  return { kind: task.kind, x: encode(task.x), w: encode(task.w), dy: encode(task.dy) };
}
