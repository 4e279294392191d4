import { existsSync } from 'node:fs';
import { OptionError } from '@tapegrad/vae/options';
import { Command, CommanderError } from 'commander';
import { UserError } from '../errors.ts';
import { versions } from '../versions.ts';
import { addCommands } from './commands.ts';
import { helpOf } from './options/flag.ts';
import { exit, surviveHangUp } from './signals.ts';

/**
 * Runs the command line. Any error ends with one line on stderr and exit code 1; `--debug` adds the stack.
 */
export async function main(argv: readonly string[]): Promise<void> {
  const debug = argv.includes('--debug');
  const fail = (error: unknown): Promise<never> => {
    const { code, exitCode } = error as { code?: string; exitCode?: number };
    // Help has been printed, which is an error only if nothing was asked for.
    if (error instanceof CommanderError && (exitCode === 0 || code === 'commander.help'))
      return exit(exitCode!);
    process.stderr.write(
      debug && error instanceof Error ? `${error.stack}\n` : `tapegrad: ${messageOf(error)}\n`,
    );
    process.exit(1);
  };
  process.on('uncaughtException', fail);
  surviveHangUp(fail);
  const program = new Command('tapegrad')
    .description('Train autoencoders on hand-written WebGPU kernels.')
    .version(versions().tapegrad, '-V, --version', 'print the version')
    .option('--debug', 'show the stack of an error')
    .showSuggestionAfterError()
    .configureOutput({ outputError: () => {} })
    .configureHelp({ showGlobalOptions: true, optionDescription: (option) => helpOf(option) })
    .helpCommand(false)
    .addHelpText('after', '\nOptions of a command: tapegrad COMMAND --help')
    .exitOverride();
  addCommands(program);
  await program.parseAsync(asCommander(argv, program), { from: 'user' }).catch(fail);
  // Dawn keeps no handles open, but a driver's threads may linger.
  await exit(Number(process.exitCode ?? 0));
}

/**
 * People also type `tapegrad help train`. And for an unknown command, `--help` would print the program's help instead of an
 * error.
 */
function asCommander(argv: readonly string[], { commands }: Command): readonly string[] {
  const words = argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv;
  const [first = '-'] = words;
  const isCommand = first.startsWith('-') || commands.some((command) => command.name() === first);
  return isCommand ? words : [first];
}

/** The text of an error for the user. */
function messageOf(error: unknown): string {
  // Instructions for an installation take several lines; every other error for users takes one.
  if (error instanceof UserError || error instanceof OptionError) return error.message;
  const line = String(error instanceof Error ? error.message : error).replaceAll(/\s*\n\s*/g, ' ');
  if (!(error instanceof CommanderError)) return `${line} (--debug shows where)`;
  const message = line.replace(/^error: /, '').replace(/\.$/, '');
  const [, about = message, suggestion] = /^(.*) \(Did you mean (.*)\?\)$/.exec(message) ?? [];
  const [, option = ''] = /^unknown option '(.*)'$/.exec(about) ?? [];
  if (option && existsSync(option)) return `${about}; the file of that name is ./${option}`;
  return suggestion ? `${about}; did you mean ${suggestion}?` : `${message} (--help lists what there is)`;
}
