import { accessSync, constants } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { WebGPUDevice } from '@tapegrad/tensor';
import type { Trainer } from '@tapegrad/vae';
import { UserError } from '../errors.ts';
import { chromeTrace, profileTable, stepProfile } from '../run/profile.ts';
import type { RunFolder } from '../run/run-folder.ts';
import { writeWhole } from '../run/whole-files.ts';

/** Without this, Dawn rounds timestamps to 0.1 ms. */
export const exactTimes = { toggles: ['-timestamp_quantization'] };

/**
 * `--profile [file]`: after the training, prints a table of the longest launches and writes a trace file.
 * @throws UserError, before the training, if that would not be possible
 */
export function profiler(
  device: WebGPUDevice,
  model: string,
  { profile, json }: { readonly profile?: string | true; readonly json?: boolean },
): (trainer: Trainer, folder: RunFolder) => Promise<void> {
  if (!device.gpu.features.has('timestamp-query'))
    throw new UserError(`--profile: ${device.name} has no timestamps; choose another --adapter`);
  if (typeof profile === 'string') {
    try {
      accessSync(dirname(resolve(profile)), constants.W_OK);
    } catch {
      throw new UserError(`--profile ${profile}: its folder does not exist or cannot be written to`);
    }
  }
  return async (trainer, folder) => {
    const { program, nanoseconds } = await trainer.profile();
    const measured = stepProfile(program, nanoseconds);
    const path = typeof profile === 'string' ? profile : folder.file('profile.json');
    writeWhole(path, chromeTrace(measured, { model, adapter: device.name }));
    // With --json, stdout is reserved for the lines that programs read.
    const out = json ? process.stderr : process.stdout;
    out.write(`${profileTable(measured)}\ntrace for ui.perfetto.dev: ${path}\n`);
  };
}
