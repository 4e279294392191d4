import type { Command } from 'commander';
import type { Shell } from '../choices.ts';
import { bashScript } from './completion/bash.ts';
import { fishScript } from './completion/fish.ts';
import { completedCommands } from './completion/model.ts';
import { zshScript } from './completion/zsh.ts';

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript };

/** The command `completion`, for a program whose commands are all defined. */
export function completion(shell: Shell, program: Command): void {
  process.stdout.write(scripts[shell](completedCommands(program)));
}
