import type { Metrics } from '@tapegrad/vae';
import cliProgress from 'cli-progress';
import type { Listener } from '../run/train-run.ts';

const short = ({ loss, ...parts }: Metrics) => {
  const digits = (value: number) => value.toPrecision(4);
  const list = Object.entries(parts).map(([name, value]) => `${name} ${digits(value)}`);
  return `${digits(loss!)}${list.length > 1 ? ` (${list.join(', ')})` : ''}`;
};

function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0
    ? `${h}:${String(m).padStart(2, '0')}:${String(s).padStart(2, '0')}`
    : `${m}:${String(s).padStart(2, '0')}`;
}

/** Shows a person, or tells a program, how a training run is going. */
export interface Report extends Listener {
  note(message: string): void;
  /** The run is complete or has been interrupted. */
  end(path: string, complete: boolean): void;
  /** Restores the terminal, even after an error. */
  close(): void;
}

/** On stderr: a bar on a terminal, otherwise a line per epoch. */
export function progressReport({ epochs }: { readonly epochs: number }): Report {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const bar = process.stderr.isTTY ? new ProgressBar(epochs) : undefined;
  const note = (message: string) => {
    bar?.clear();
    say(message);
  };
  return {
    preparing: ({ model, parameters }) =>
      say(`${model}: ${parameters.toLocaleString('en')} parameters; compiling its kernels`),
    compiling: (done, total) => {
      if (process.stderr.isTTY)
        process.stderr.write(`\r\u001b[K${done < total ? `compiling ${done}/${total} kernels` : ''}`);
    },
    step: (row, progress) => bar?.show(row, progress),
    epoch: ({ epoch, seconds, train, test }) =>
      note(
        `epoch ${epoch}/${epochs}, ${duration(seconds)}: loss ${train.loss!.toPrecision(4)}, test ${short(test)}`,
      ),
    note,
    end: (path, complete) =>
      note(complete ? `done: ${path}` : `stopped; go on with \`tapegrad train --resume ${path}\``),
    close: () => bar?.clear(),
  };
}

/** What `--json` prints on stdout: every step, a record per epoch, and how the run ended. */
export function jsonReport(): Report {
  const print = (record: object) => process.stdout.write(`${JSON.stringify(record)}\n`);
  return {
    preparing: ({ model, parameters }) => print({ kind: 'preparing', model, parameters }),
    step: ({ step, metrics }, { epoch, images }) => print({ kind: 'step', step, epoch, images, ...metrics }),
    epoch: print,
    note: (message) => print({ kind: 'note', message }),
    end: (run, complete) => print({ kind: 'end', run, complete }),
    close() {},
  };
}

/** One line at the foot of the terminal. */
class ProgressBar {
  readonly #epochs: number;
  readonly #bar = new cliProgress.SingleBar({
    format: 'epoch {epoch} {bar} {percentage}% | loss {loss} | {rate} images/s | {left} left',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stderr,
  });
  #rates = new RateMeter();
  #epoch = 0;

  constructor(epochs: number) {
    this.#epochs = epochs;
    process.on('exit', () => this.clear());
  }

  show(
    { images: batch, metrics }: Parameters<Listener['step']>[0],
    { epoch, images, imagesPerEpoch }: Parameters<Listener['step']>[1],
  ): void {
    const rate = this.#rates.add(batch);
    const left = (imagesPerEpoch - images + (this.#epochs - epoch) * imagesPerEpoch) / (rate ?? 0);
    const payload = {
      epoch: `${epoch}/${this.#epochs}`,
      loss: metrics.loss!.toPrecision(4),
      rate: rate ? Math.round(rate).toLocaleString('en') : '–',
      left: rate ? duration(left) : '–',
    };
    if (this.#epoch === epoch) this.#bar.update(images, payload);
    else this.#bar.start(imagesPerEpoch, images, payload);
    this.#epoch = epoch;
  }

  /** Makes room for a line; the next step draws the bar again. */
  clear(): void {
    if (this.#epoch > 0) this.#bar.stop();
    this.#epoch = 0;
    this.#rates = new RateMeter();
  }
}

/** Images per second, over the last ten seconds. */
class RateMeter {
  #marks: { time: number; images: number }[] = [];
  #total = 0;

  /** Undefined until there is something to measure. */
  add(images: number): number | undefined {
    const time = performance.now();
    this.#total += images;
    this.#marks.push({ time, images: this.#total });
    while (this.#marks.length > 2 && time - this.#marks[0]!.time > 10_000) this.#marks.shift();
    const { time: since, images: before } = this.#marks[0]!;
    return time - since > 100 ? ((this.#total - before) / (time - since)) * 1000 : undefined;
  }
}
