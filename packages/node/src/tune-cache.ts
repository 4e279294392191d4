import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import type { TunedChoice, TunedTable } from '@tapegrad/tensor';
import { contractionVariants } from '@tapegrad/tensor';
import { slug } from './dawn.ts';
import type { FoundAdapter } from './kinds.ts';
import { makeFolder } from './make-folder.ts';
import { renameOver } from './rename.ts';

/** Raised when kernels or buckets change so much that old choices no longer mean anything. */
const VERSION = 1;

/** Variables of the environment; not NodeJS.ProcessEnv, which a user's types need not know. */
type Environment = Readonly<Record<string, string | undefined>>;

type Adapter = Pick<FoundAdapter, 'name' | 'driver'>;

interface TuneFile {
  readonly version: number;
  readonly adapter: string;
  readonly driver: string;
  readonly choices: Readonly<Record<string, TunedChoice>>;
}

/** Where the choices for an adapter are kept: a file for each, in the user's cache folder. */
export function tuneCachePath({ name }: Adapter, env: Environment = process.env): string {
  const xdg = env.XDG_CACHE_HOME;
  const base = xdg && isAbsolute(xdg) ? xdg : join(homedir(), '.cache');
  return join(base, 'tapegrad', 'tune', `${slug(name).replace(/^-|-$/g, '') || 'adapter'}.json`);
}

/** Whether `TAPEGRAD_TUNE=off` asks for the built-in choices. */
const tuningIsOff = (env: Environment = process.env): boolean => env.TAPEGRAD_TUNE === 'off';

export interface ReadTuned {
  /** Undefined if there are none, or none that can be used. */
  readonly table?: TunedTable;
  /** Why an existing file is not used. */
  readonly note?: string;
}

/** The choices that `npm run bench -- tune` stored for this adapter and driver. Never throws. */
export function readTuned(adapter: Adapter, env: Environment = process.env): ReadTuned {
  if (tuningIsOff(env)) return {};
  let path: string;
  let text: string;
  try {
    path = tuneCachePath(adapter, env);
    text = readFileSync(path, 'utf8');
  } catch {
    return {}; // the usual case: nobody has tuned
  }
  const ignored = (why: string) => ({
    note: `${path} is ignored: ${why}; \`npm run bench -- tune\` makes it anew`,
  });
  let file: Partial<TuneFile> | null;
  try {
    file = JSON.parse(text);
  } catch (error) {
    return ignored(`it is no JSON (${(error as Error).message})`);
  }
  if (file?.version !== VERSION) return ignored(`it is of version ${file?.version}, expected ${VERSION}`);
  if (file.adapter !== adapter.name || file.driver !== adapter.driver) {
    return ignored(
      `it is for ${file.adapter} with driver ${file.driver}, and this is ${adapter.name} with ${adapter.driver}`,
    );
  }
  const choices = file.choices;
  if (!choices || typeof choices !== 'object') return ignored('it has no choices');
  const table = new Map<string, TunedChoice>();
  for (const [key, choice] of Object.entries(choices)) {
    const whole = Number.isInteger(choice?.parts) && choice.parts >= 1;
    if (!whole || !contractionVariants.has(choice.variant)) {
      return ignored(`the choice for '${key}' is ${JSON.stringify(choice)}`);
    }
    table.set(key, { variant: choice.variant, parts: choice.parts });
  }
  return { table };
}

/**
 * Stores choices for an adapter, whole or not at all, and returns the file's path.
 * @throws the file system's error
 */
export function writeTuned(adapter: Adapter, table: TunedTable, env: Environment = process.env): string {
  const path = tuneCachePath(adapter, env);
  const file: TuneFile = {
    version: VERSION,
    adapter: adapter.name,
    driver: adapter.driver,
    choices: Object.fromEntries([...table].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
  makeFolder(dirname(path));
  const fresh = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(fresh, `${JSON.stringify(file, null, 1)}\n`);
    renameOver(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
  return path;
}
