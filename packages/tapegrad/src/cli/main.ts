import { OptionError } from '@tapegrad/vae';
import { Command, CommanderError } from 'commander';
import { UserError } from '../errors.ts';
import { compareCommand } from './compare.ts';
import { doctorCommand } from './doctor.ts';
import { evaluateCommand } from './evaluate.ts';
import { exportCommand } from './export.ts';
import { importCommand } from './import.ts';
import { pictureCommands } from './pictures.ts';
import { reportCommand } from './report.ts';
import { surviveHangUp } from './signals.ts';
import { sweepCommand } from './sweep.ts';
import { trainCommand, versions } from './train.ts';

/**
 * Runs the command line. Whatever goes wrong ends with one line on stderr and exit code 1; `--debug` adds the stack.
 */
export async function main(argv: readonly string[]): Promise<void> {
  const debug = argv.includes('--debug');
  const fail = (error: unknown): never => {
    const { code, exitCode } = error as { code?: string; exitCode?: number };
    // Help has been printed, which is an error only if nothing was asked for.
    if (error instanceof CommanderError && (exitCode === 0 || code === 'commander.help'))
      process.exit(exitCode);
    process.stderr.write(
      debug && error instanceof Error ? `${error.stack}\n` : `tapegrad: ${messageOf(error)}\n`,
    );
    process.exit(1);
  };
  process.on('uncaughtException', fail);
  surviveHangUp(fail);
  const program = new Command('tapegrad')
    .description('Train autoencoders on hand-written WebGPU kernels.')
    .version(versions().tapegrad!, '-V, --version', 'print the version')
    .option('--debug', 'show the stack of an error')
    .showSuggestionAfterError()
    .configureOutput({ outputError: () => {} })
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();
  for (const command of [
    doctorCommand(),
    trainCommand(),
    evaluateCommand(),
    reportCommand(),
    compareCommand(),
    exportCommand(),
    importCommand(),
    sweepCommand(),
    ...pictureCommands(),
  ]) {
    program.addCommand(command.copyInheritedSettings(program).exitOverride());
  }
  await program.parseAsync(argv, { from: 'user' }).catch(fail);
  // Dawn keeps no handles open, but a driver's threads may linger.
  process.exit(process.exitCode ?? 0);
}

/** What an error says to the user. */
function messageOf(error: unknown): string {
  // What to install takes more than a line; everything else that a user can act on takes one.
  if (error instanceof UserError || error instanceof OptionError) return error.message;
  const line = String(error instanceof Error ? error.message : error).replaceAll(/\s*\n\s*/g, ' ');
  if (!(error instanceof CommanderError)) return `${line} (--debug shows where)`;
  const message = line.replace(/^error: /, '').replace(/\.$/, '');
  const [, about, suggestion] = /^(.*) \(Did you mean (.*)\?\)$/.exec(message) ?? [];
  return suggestion ? `${about}; did you mean ${suggestion}?` : `${message} (--help lists what there is)`;
}
