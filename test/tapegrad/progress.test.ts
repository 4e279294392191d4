/* Runs without an adapter. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadingReport } from '../../packages/tapegrad/src/cli/loading.ts';
import { countReport, duration } from '../../packages/tapegrad/src/cli/pace.ts';
import { progressReport } from '../../packages/tapegrad/src/cli/progress.ts';
import { sweepProgress } from '../../packages/tapegrad/src/cli/sweep-progress.ts';

/* What the command says while it works and nobody watches: no terminal, and a clock that the tests turn. */

function log() {
  const lines: string[] = [];
  let [time, partial] = [1_000_000, ''];
  return {
    lines,
    /** Lets so many seconds pass. */
    wait: (seconds: number) => {
      time += 1000 * seconds;
    },
    screen: {
      stream: {
        write(text: string) {
          const parts = (partial + text).split('\n');
          partial = parts.pop()!;
          lines.push(...parts);
        },
      },
      now: () => time,
    },
  };
}

/** A step of an epoch of 60,000 images in batches of 100. */
function step(report: ReturnType<typeof progressReport>, epoch: number, k: number): void {
  const metrics = { loss: 100 / k, kl: 1 };
  report.step(
    { step: 600 * (epoch - 1) + k, images: 100, metrics },
    { epoch, images: 100 * k, imagesPerEpoch: 60_000 },
  );
}

test('training: a line every half minute, with epoch, step, loss, speed and what is left', () => {
  const { lines, wait, screen } = log();
  const report = progressReport({ epochs: 2 }, screen);
  for (let k = 1; k <= 140; k++) {
    wait(0.5); // 200 images a second: 5 minutes an epoch
    step(report, 1, k);
  }
  assert.equal(lines, [
    'epoch 1/2, step 60: loss 1.667, 200 images/s, 9:30 left',
    'epoch 1/2, step 120: loss 0.8333, 200 images/s, 9:00 left',
  ]);
});

test('training: an epoch that ends is a line too, and its evaluation does not count as slowness', () => {
  const { lines, wait, screen } = log();
  const report = progressReport({ epochs: 2 }, screen);
  wait(25);
  step(report, 1, 600);
  const metrics = { loss: 0.5, reconstruction: 0.4, kl: 0.1 };
  wait(100);
  report.epoch({
    kind: 'epoch',
    epoch: 1,
    step: 600,
    steps: 600,
    seconds: 3725,
    train: metrics,
    test: metrics,
  });
  for (let k = 1; k <= 61; k++) {
    step(report, 2, k);
    wait(0.5);
  }
  assert.equal(lines, [
    'epoch 1/2, 1:02:05: loss 0.5000, test 0.5000 (reconstruction 0.4000, kl 0.1000)',
    'epoch 2/2, step 661: loss 1.639, 200 images/s, 4:30 left',
  ]);
});

test('training: the first step of all says no speed, which nobody knows', () => {
  const { lines, wait, screen } = log();
  const report = progressReport({ epochs: 1 }, screen);
  wait(40);
  step(report, 1, 1);
  assert.equal(lines, ['epoch 1/1, step 1: loss 100.0']);
});

test('training: the compiling of kernels is told if it takes long', () => {
  const { lines, wait, screen } = log();
  const report = progressReport({ epochs: 1 }, screen);
  for (let done = 0; done <= 8; done++) {
    report.compiling!(done, 8);
    wait(12);
  }
  assert.equal(lines, ['compiling kernels: 3 of 8', 'compiling kernels: 6 of 8']);
});

test('a count: nothing when it is quick, and nothing at its end', () => {
  const { lines, wait, screen } = log();
  const report = countReport('log-likelihood of test images', screen);
  for (let done = 64; done <= 512; done += 64) {
    wait(8);
    report(Math.min(done, 500), 500);
  }
  assert.equal(lines, ['log-likelihood of test images: 256 of 500, 0:31 left']);
});

test('decoding images: what begins, then a line every half minute', () => {
  const { lines, wait, screen } = log();
  const report = loadingReport(screen);
  for (let done = 1; done <= 2000; done++) {
    report.progress(done, 200_000);
    wait(0.016);
  }
  assert.equal(lines, [
    'decoding 200000 images',
    `decoding images: 1,876 of 200,000, ${duration((200_000 - 1876) * 0.016)} left`,
  ]);
});

test('a sweep: how many are done, and how far those under way are', () => {
  const { lines, wait, screen } = log();
  const points = [0, 1, 2, 3].map((seed) => ({ index: seed, name: `seed=${seed}`, values: { seed } }));
  let running: { point: (typeof points)[0]; last?: string }[] = [{ point: points[1]! }];
  const progress = sweepProgress(4, () => running, screen);
  progress.ended({ status: 'done', earlier: true });
  wait(29);
  progress.look();
  wait(1);
  progress.look();
  progress.look();
  running = [
    { point: points[2]!, last: 'epoch 1/2, step 60: loss 1.667, 200 images/s, 9:30 left' },
    { point: points[3]!, last: 'epoch 1/2, step 55: loss 2.001, 200 images/s, 9:35 left' },
  ];
  progress.ended({ status: 'done', earlier: false });
  wait(570);
  progress.look();
  running = [];
  wait(60);
  progress.look();
  progress.stop();
  assert.equal(lines, [
    '1 of 4 runs done',
    '  seed=1: beginning',
    '2 of 4 runs done, about 20:00 left',
    '  seed=2: epoch 1/2, step 60: loss 1.667, 200 images/s, 9:30 left',
    '  seed=3: epoch 1/2, step 55: loss 2.001, 200 images/s, 9:35 left',
  ]);
});

test.run();
