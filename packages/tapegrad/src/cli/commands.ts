import { Command } from 'commander';
import { defineCompletion } from './options/completion.ts';
import { defineCurves, definePicture, pictureCommands } from './options/pictures.ts';
import { defineCompare, defineDoctor, defineEvaluate, defineExport, defineReport } from './options/runs.ts';

/*
 * Every command: its place in the help, and its arguments. A command's code is only loaded when it runs, and models only when
 * its options are asked for, so that help, version and completion are quick.
 */

interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** Adds arguments, options and the action. */
  readonly define: (command: Command) => void | Promise<void>;
}

const groups: Readonly<Record<string, readonly CommandEntry[]>> = {
  'Training:': [
    {
      name: 'train',
      summary: 'train a model and write a run folder',
      define: async (command) => (await import('./options/train.ts')).defineTrain(command),
    },
    {
      name: 'sweep',
      summary: 'train a grid of runs: options with several values, such as --beta 0.1,1,4 --seed 0..4',
      define: async (command) => (await import('./options/sweep.ts')).defineSweep(command),
    },
  ],
  'Runs:': [
    { name: 'evaluate', summary: "compute a run's metrics on the test set", define: defineEvaluate },
    {
      name: 'report',
      summary: 'show everything about a run on one page',
      define: defineReport,
    },
    {
      name: 'compare',
      summary: 'compare runs side by side: what differs, metrics, curves, pictures',
      define: defineCompare,
    },
  ],
  'Pictures of a run:': [
    ...pictureCommands.map((entry) => ({
      ...entry,
      define: (command: Command) => definePicture(command, entry),
    })),
    { name: 'curves', summary: 'plot the learning curves of training and test', define: defineCurves },
  ],
  'Weights:': [
    {
      name: 'export',
      summary: 'write the model for other tools: safetensors for PyTorch, ONNX for everything else',
      define: defineExport,
    },
    {
      name: 'import',
      summary: 'make a run folder from PyTorch weights: safetensors, or a state_dict written by torch.save',
      define: async (command) => (await import('./options/import.ts')).defineImport(command),
    },
  ],
  'This installation:': [
    {
      name: 'completion',
      summary: 'print a script that completes this command in bash, zsh or fish',
      define: (command) => defineCompletion(command, () => defined(command.parent!)),
    },
    {
      name: 'doctor',
      summary:
        'report which adapter runs the kernels and why, what would be faster, and which data is installed',
      define: defineDoctor,
    },
  ],
};

const entries: readonly CommandEntry[] = Object.values(groups).flat();

/** Adds every command to the program; each is defined when it is first parsed. */
export function addCommands(program: Command): void {
  for (const [heading, list] of Object.entries(groups))
    for (const { name, summary } of list) program.command(name).description(summary).helpGroup(heading);
  program.hook('preSubcommand', (_, command) => define(command));
}

const known = new WeakSet<Command>();

async function define(command: Command): Promise<void> {
  if (known.has(command)) return;
  known.add(command);
  await entries.find(({ name }) => name === command.name())?.define(command);
}

/** A program with the arguments of all its commands. */
async function defined(program: Command): Promise<Command> {
  for (const command of program.commands) await define(command);
  return program;
}

/** A command by itself. */
export async function commandNamed(name: string): Promise<Command> {
  const command = new Command(name);
  await define(command);
  return command;
}
