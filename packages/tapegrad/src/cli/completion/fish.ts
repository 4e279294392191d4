import type { Values } from '../options/flag.ts';
import {
  type CompletedCommand,
  type CompletedOption,
  flagsWithValue,
  modelNames,
  quotedFor,
} from './model.ts';

const quoted = quotedFor.fish;

/** The arguments of `complete` that say what a value may be. */
function offering({ words = [], paths }: Values): string[] {
  const parts = [
    ...words,
    ...(paths === 'runs' ? ['(__tapegrad_runs)'] : []),
    ...(paths === 'folders' ? ['(__fish_complete_directories (commandline -ct))'] : []),
    ...(paths === 'files' ? ['(__fish_complete_path (commandline -ct))'] : []),
  ];
  return parts.length > 0 ? ['-a', quoted(parts.join(' '))] : [];
}

function optionLine(command: string, { flag, help, value, values, models = [] }: CompletedOption): string {
  const condition = ['__tapegrad_is', command, ...models].join(' ');
  const rest = value === 'none' ? [] : [value === 'required' ? '-x' : '', ...offering(values)];
  return ['complete -c tapegrad -n', quoted(condition), '-l', flag.slice(2), ...rest, '-d', quoted(help)]
    .filter(Boolean)
    .join(' ');
}

function commandLines({ name, help, places, options }: CompletedCommand): string[] {
  return [
    `complete -c tapegrad -n __tapegrad_begins -a ${name} -d ${quoted(help)}`,
    ...places.map(({ values, isVariadic }, i) =>
      [
        `complete -c tapegrad -n ${quoted(`__tapegrad_place ${name} ${isVariadic ? 'any' : i}`)}`,
        ...offering(values),
      ].join(' '),
    ),
    ...options.map((option) => optionLine(name, option)),
  ];
}

/** For a file in `~/.config/fish/completions`, or to be sourced. */
export function fishScript(commands: readonly CompletedCommand[]): string {
  return `# Completion of tapegrad for fish. Made by: tapegrad completion fish

# The words before the cursor that are no flags and no values of flags: the command, then its arguments.
function __tapegrad_operands
    set -l words (commandline -opc)
    set -e words[1]
    set -l skip 0
    for word in $words
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case ${flagsWithValue(commands).join(' ')}
                set skip 1
            case '-*'
            case '*'
                echo $word
        end
    end
end

function __tapegrad_begins
    test (count (__tapegrad_operands)) = 0
end

# Whether the command is the first argument, and its model one of the others: any, where none is named on either side.
function __tapegrad_is
    set -l operands (__tapegrad_operands)
    test "$operands[1]" = $argv[1]; or return 1
    set -e argv[1]
    test (count $argv) = 0; and return 0
    for word in $operands[2..]
        contains -- $word ${modelNames.join(' ')}; or continue
        contains -- $word $argv
        return
    end
    return 0
end

# Whether the command is the first argument and the cursor at the place that is the second, counted from 0.
function __tapegrad_place
    set -l operands (__tapegrad_operands)
    test "$operands[1]" = $argv[1]; or return 1
    test $argv[2] = any; or test (math (count $operands) - 1) = $argv[2]
end

# Folders with a run in them or below.
function __tapegrad_runs
    for folder in (commandline -ct)*/
        set -l below $folder/*/config.json $folder/*/*/config.json
        if test -e $folder/config.json; or test (count $below) -gt 0
            echo $folder
        end
    end
end

complete -c tapegrad -f
complete -c tapegrad -n __tapegrad_begins -l version -d 'print the version'
complete -c tapegrad -n __tapegrad_begins -l help -d 'display help'
${commands.flatMap(commandLines).join('\n')}
`;
}
