import { specOf } from '../models.ts';
import { trainRun } from '../run/train-run.ts';
import { versions } from '../versions.ts';
import { openAdapter } from './device.ts';
import { loadingReport } from './loading.ts';
import { exactTimes, profiler } from './profile.ts';
import { jsonReport, progressReport } from './progress.ts';
import { exitCodeOf, onSignal, type Stop } from './signals.ts';
import { planNew, planResumed, type TrainOptions } from './train-plan.ts';

/** The command `train`. */
export async function train(name: string | undefined, options: TrainOptions): Promise<void> {
  const loading = loadingReport();
  const open = () => openAdapter(options.adapter, options.profile ? exactTimes : {});
  const opened = options.short && !options.resume ? await open() : undefined;
  const plan = options.resume
    ? await planResumed(name, options, loading.note)
    : planNew(name, options, loading.note, opened?.found.kind);
  const { model } = plan.config;
  const report = options.json ? jsonReport() : progressReport(plan.config);
  const listener = { ...loading, note: report.note };
  if (plan.note) report.note(plan.note);
  if (opened && options.epochs === undefined) {
    const { epochs, batchSize } = plan.config;
    report.note(
      `--short: ${epochs} epoch${epochs === 1 ? '' : 's'}, ${batchSize} images a step; --epochs and --batch-size say otherwise`,
    );
  }
  const { data, config } = await plan.load(listener);
  if (options.limit && options.limit > data.train.count)
    report.note(`--limit ${options.limit}: there are ${data.train.count} training images; all are used`);
  const device = opened ?? (await open());
  const profile = options.profile && profiler(device, model, options);
  const { name: adapter, driver, kind } = device.found;
  const before = plan.file?.adapter;
  if (before && (before.name !== adapter || before.driver !== driver))
    report.note(
      `--config ${plan.file.path}: its run was trained on ${before.name}, ${before.driver}; here the last bits will differ`,
    );
  const interruption = catchInterrupts(report.note);
  let path = '';
  try {
    const complete = await trainRun({
      async folder() {
        const folder = await plan.folder();
        path = folder.path;
        return folder;
      },
      config: {
        ...plan.config,
        ...config,
        imageShape: data.shape,
        checksums: data.checksums,
        adapter: {
          name: adapter,
          driver,
          kind,
          ...(device.tuned && { tuned: Object.fromEntries(device.tuned) }),
        },
        versions: versions(),
      },
      spec: specOf(model),
      data,
      resume: plan.state,
      listener: report,
      stop: () => interruption.signal !== undefined,
      ...(profile ? { finished: profile } : {}),
      device,
    });
    report.end(path, complete);
    if (!complete) process.exitCode = exitCodeOf(interruption.signal!);
  } finally {
    report.close();
  }
}

/** The first signal ends the run after the current steps, the second one at once. */
const catchInterrupts = (note: (message: string) => void): Stop =>
  onSignal((signal, atOnce) => {
    if (atOnce) process.exit(exitCodeOf(signal));
    note('stopping after this step; a second signal stops at once');
  });
