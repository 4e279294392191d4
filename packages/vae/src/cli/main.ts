import { Command, CommanderError } from 'commander';
import { UserError } from '../node/errors.ts';
import { doctorCommand } from './doctor.ts';
import { evaluateCommand } from './evaluate.ts';
import { pictureCommands } from './pictures.ts';
import { trainCommand } from './train.ts';

/**
 * The command line. Whatever goes wrong ends in one line on stderr and exit code 1; `--debug` adds the stack.
 */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('tapegrad')
    .description('Train autoencoders on hand-written WebGPU kernels.')
    .option('--debug', 'show the stack of an error')
    .showSuggestionAfterError()
    .showHelpAfterError('(--help lists what there is)')
    .configureHelp({ showGlobalOptions: true });
  for (const command of [doctorCommand(), trainCommand(), evaluateCommand(), ...pictureCommands()]) {
    program.addCommand(command.copyInheritedSettings(program).exitOverride());
  }
  program.exitOverride();
  try {
    await program.parseAsync(argv, { from: 'user' });
    // Dawn keeps no handles open, but a driver's threads may linger.
    process.exit(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 1);
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    const debug = argv.includes('--debug');
    process.stderr.write(debug ? `${stack}\n` : `tapegrad: ${oneLine(message)}\n`);
    if (!debug && !(error instanceof UserError)) process.stderr.write('(--debug shows where)\n');
    process.exit(1);
  }
}

const oneLine = (message: string) => message.split('\n')[0] ?? message;
