import { join } from 'node:path';
import type { Metrics } from '@tapegrad/vae';
import type { Listener } from '../run/train-run.ts';
import { oneLine } from '../text.ts';
import { counted, duration, newBar, Pace, RateMeter, type Screen, standardError } from './pace.ts';

const digits = (value: number) => value.toPrecision(4);

const short = ({ loss, ...parts }: Metrics) => {
  const list = Object.entries(parts).map(([name, value]) => `${name} ${digits(value)}`);
  return `${digits(loss!)}${list.length > 1 ? ` (${list.join(', ')})` : ''}`;
};

/** Shows a person, or tells a program, how a training run is going. */
export interface Report extends Listener {
  note(message: string): void;
  /** The run is complete or has been interrupted. */
  end(path: string, complete: boolean): void;
  /** Restores the terminal, even after an error. */
  close(): void;
}

type Row = Parameters<Listener['step']>[0];
type Progress = Parameters<Listener['step']>[1];

/** How the steps of an epoch are shown. */
interface StepReport {
  show(row: Row, progress: Progress): void;
  compiling(done: number, total: number): void;
  /** Makes room for another line. */
  clear(): void;
}

/** On stderr: a bar on a terminal, otherwise a line per epoch and, in between, one every half minute. */
export function progressReport({ epochs }: { readonly epochs: number }, screen = standardError): Report {
  const say = (line: string) => screen.stream.write(`${line}\n`);
  const steps: StepReport = screen.stream.isTTY
    ? new ProgressBar(epochs, screen)
    : new ProgressLines(epochs, screen);
  const note = (message: string) => {
    steps.clear();
    say(oneLine(message));
  };
  return {
    preparing: ({ model, parameters }) =>
      say(`${model}: ${parameters.toLocaleString('en')} parameters; compiling its kernels`),
    compiling: (done, total) => steps.compiling(done, total),
    step: (row, progress) => steps.show(row, progress),
    epoch: ({ epoch, seconds, train, test }) =>
      note(
        `epoch ${epoch}/${epochs}, ${duration(seconds)}: loss ${digits(train.loss!)}, test ${short(test)}`,
      ),
    note,
    end: (path, complete) =>
      note(
        complete
          ? `done: ${path}; open ${join(path, 'report.html')}`
          : `stopped; go on with \`tapegrad train --resume ${path}\``,
      ),
    close: () => steps.clear(),
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

/** Seconds until all epochs are trained. */
const secondsLeft = ({ epoch, images, imagesPerEpoch }: Progress, epochs: number, rate: number): number =>
  (imagesPerEpoch - images + (epochs - epoch) * imagesPerEpoch) / rate;

/** Where there is no terminal. */
class ProgressLines implements StepReport {
  readonly #epochs: number;
  readonly #screen: Screen;
  readonly #pace: Pace;
  #rates: RateMeter;

  constructor(epochs: number, screen: Screen) {
    this.#epochs = epochs;
    this.#screen = screen;
    this.#pace = new Pace(screen);
    this.#rates = new RateMeter(screen);
  }

  show({ step, images, metrics }: Row, progress: Progress): void {
    const rate = this.#rates.add(images);
    if (!this.#pace.isDue()) return;
    const speed = rate
      ? `, ${counted(rate)} images/s, ${duration(secondsLeft(progress, this.#epochs, rate))} left`
      : '';
    this.#screen.stream.write(
      `epoch ${progress.epoch}/${this.#epochs}, step ${step}: loss ${digits(metrics.loss!)}${speed}\n`,
    );
  }

  compiling(done: number, total: number): void {
    if (done < total && this.#pace.isDue())
      this.#screen.stream.write(`compiling kernels: ${done} of ${total}\n`);
  }

  clear(): void {
    this.#pace.restart();
    this.#rates = new RateMeter(this.#screen); // the time between two epochs does not count towards the rate
  }
}

/** One line at the foot of the terminal. */
class ProgressBar implements StepReport {
  readonly #epochs: number;
  readonly #screen: Screen;
  readonly #bar;
  #rates: RateMeter;
  #epoch = 0;

  constructor(epochs: number, screen: Screen) {
    this.#epochs = epochs;
    this.#screen = screen;
    const format = 'epoch {epoch} {bar} {percentage}% | loss {loss} | {rate} images/s | {left} left';
    this.#bar = newBar(screen, format, { hideCursor: true });
    this.#rates = new RateMeter(screen);
    process.on('exit', () => this.clear());
  }

  show({ images, metrics }: Row, progress: Progress): void {
    const rate = this.#rates.add(images);
    const payload = {
      epoch: `${progress.epoch}/${this.#epochs}`,
      loss: digits(metrics.loss!),
      rate: rate ? counted(rate) : '–',
      left: rate ? duration(secondsLeft(progress, this.#epochs, rate)) : '–',
    };
    if (this.#epoch === progress.epoch) this.#bar.update(progress.images, payload);
    else this.#bar.start(progress.imagesPerEpoch, progress.images, payload);
    this.#epoch = progress.epoch;
  }

  compiling(done: number, total: number): void {
    this.#screen.stream.write(`\r\u001b[K${done < total ? `compiling ${done}/${total} kernels` : ''}`);
  }

  /** The next step draws the bar again. */
  clear(): void {
    if (this.#epoch > 0) this.#bar.stop();
    this.#epoch = 0;
    this.#rates = new RateMeter(this.#screen);
  }
}
