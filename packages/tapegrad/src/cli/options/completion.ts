import { Argument, type Command } from 'commander';
import { shells } from '../../choices.ts';

/** @param program returns the whole program, with the arguments of its commands */
export function defineCompletion(command: Command, program: () => Promise<Command>): void {
  command
    .addArgument(new Argument('<shell>', 'bash (4 or later), zsh or fish').choices(shells))
    .addHelpText(
      'after',
      `
Prints a script that completes commands, models, options, values and run folders. To have it from the next shell on:
  bash  echo 'eval "$(tapegrad completion bash)"' >> ~/.bashrc
  zsh   echo 'eval "$(tapegrad completion zsh)"' >> ~/.zshrc        (after the line with compinit)
  fish  tapegrad completion fish > ~/.config/fish/completions/tapegrad.fish`,
    )
    .action(async (shell) => (await import('../completion.ts')).completion(shell, await program()));
}
