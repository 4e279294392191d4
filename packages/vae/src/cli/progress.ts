import cliProgress from 'cli-progress';
import type { RunConfig } from '../node/run.ts';
import type { Listener } from '../node/train-run.ts';
import type { Figures } from '../pass.ts';

const short = (figures: Figures) =>
  Object.entries(figures)
    .map(([name, value]) => `${name} ${value.toPrecision(4)}`)
    .join(', ');

function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0
    ? `${h}:${String(m).padStart(2, '0')}:${String(s).padStart(2, '0')}`
    : `${m}:${String(s).padStart(2, '0')}`;
}

/** A bar on a terminal; a line an epoch elsewhere. */
export function progressListener({ epochs, model, parameters }: RunConfig): Listener {
  const terminal = process.stderr.isTTY === true;
  const bar = new cliProgress.SingleBar({
    format: 'epoch {epoch}/{epochs} {bar} {percentage}% | {figures} | {rate} images/s | {left} left',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stderr,
  });
  const rates = new RateMeter();
  let running = 0;
  const say = (line: string) => process.stderr.write(`${line}\n`);
  return {
    preparing() {
      say(`${model}: ${parameters.toLocaleString('en')} parameters; compiling its kernels`);
    },
    step({ images: batch, figures }, { epoch, images, imagesPerEpoch }) {
      rates.add(batch);
      if (!terminal) return;
      const rate = rates.perSecond();
      const left = (imagesPerEpoch - images + (epochs - epoch) * imagesPerEpoch) / rate;
      const payload = {
        epoch,
        epochs,
        figures: `loss ${figures.loss!.toPrecision(4)}`,
        rate: Math.round(rate).toLocaleString('en'),
        left: Number.isFinite(left) ? duration(left) : '–',
      };
      if (running !== epoch) {
        bar.start(imagesPerEpoch, images, payload);
        running = epoch;
      } else bar.update(images, payload);
    },
    epoch(record) {
      if (terminal) bar.stop();
      running = 0;
      const { epoch, seconds, train, test } = record as {
        epoch: number;
        seconds: number;
        train: Figures;
        test: Figures;
      };
      say(`epoch ${epoch}/${epochs}: ${duration(seconds)}, train ${short(train)}; test ${short(test)}`);
    },
    note(message) {
      if (terminal) bar.stop();
      say(message);
    },
  };
}

/** Images a second over the last seconds. */
class RateMeter {
  #marks: { time: number; images: number }[] = [];
  #total = 0;

  add(images: number): void {
    const time = performance.now();
    this.#marks.push({ time, images: this.#total });
    this.#total += images;
    while (this.#marks.length > 2 && time - this.#marks[0]!.time > 10_000) this.#marks.shift();
  }

  perSecond(): number {
    const first = this.#marks[0]!;
    const last = this.#marks.at(-1)!;
    return last.time > first.time
      ? ((last.images - first.images) / (last.time - first.time)) * 1000
      : Number.NaN;
  }
}

/** What `--json` prints: the records of metrics.jsonl, every step, and notes. */
export function jsonListener(): Listener {
  const print = (record: object) => process.stdout.write(`${JSON.stringify(record)}\n`);
  return {
    preparing: () => print({ kind: 'preparing' }),
    step: ({ step, figures }, { epoch, images }) => print({ kind: 'step', step, epoch, images, ...figures }),
    epoch: print,
    note: (message) => print({ kind: 'note', message }),
  };
}
