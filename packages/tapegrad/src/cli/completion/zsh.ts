import type { Values } from '../options/flag.ts';
import {
  type CompletedCommand,
  type CompletedOption,
  modelNames,
  optionsByModels,
  quotedFor,
} from './model.ts';

const quoted = quotedFor.posix;

/** Text between the brackets of a specification for `_arguments`. */
const escaped = (text: string) => text.replaceAll(/[[\]:\\]/g, '\\$&');

/** What completes a value: the last part of a specification. */
function action({ words = [], paths }: Values): string {
  if (paths === 'runs') return '_tapegrad_runs';
  if (words.length > 0 && paths) return `{compadd ${words.join(' ')}; _files -/}`;
  if (words.length > 0) return `(${words.join(' ')})`;
  return paths === 'folders' ? '_files -/' : paths === 'files' ? '_files' : ' ';
}

function specification({ flag, help, value, values }: CompletedOption): string {
  const head = `${flag}${value === 'required' ? '=' : ''}[${escaped(help)}]`;
  if (value === 'none') return quoted(head);
  return quoted(`${head}:${value === 'optional' ? ':' : ''}${flag.slice(2)}:${action(values)}`);
}

function argumentsOf(command: CompletedCommand): string {
  const lines = optionsByModels(command).map(([models, options]) => {
    const add = `options+=(\n${options.map((option) => `        ${specification(option)}`).join('\n')}\n      )`;
    return models ? `if [[ -z $model || $model == (${models.join('|')}) ]]; then ${add}; fi` : add;
  });
  const places = command.places.map(({ values, isVariadic }, i) =>
    quoted(`${isVariadic ? '*' : i + 1}::${isVariadic ? 'run' : 'argument'}:${action(values)}`),
  );
  return `    ${command.name})
      ${lines.join('\n      ')}
      _arguments -s $options ${places.join(' ')}
      ;;`;
}

/** For `eval`, or as a file `_tapegrad` in a folder of `fpath`. */
export function zshScript(commands: readonly CompletedCommand[]): string {
  const list = commands.map(({ name, help }) => `    ${quoted(`${name}:${help.replaceAll(':', '\\:')}`)}`);
  return `#compdef tapegrad
# Completion of tapegrad for zsh. Made by: tapegrad completion zsh

# Folders with a run in them or below.
_tapegrad_runs() {
  local folder
  local -a found hits
  for folder in \${(Q)~PREFIX}*(N-/); do
    hits=($folder/config.json(N) $folder/*/config.json(N) $folder/*/*/config.json(N))
    (( $#hits )) && found+=($folder)
  done
  compadd -f -S / -q -- $found
}

_tapegrad() {
  local curcontext=$curcontext state line model word
  local -a commands options
  typeset -A opt_args
  commands=(
${list.join('\n')}
  )
  _arguments -C '--version[print the version]' '--help[display help]' '1: :->command' '*:: :->argument'
  case $state in
    command) _describe -t commands command commands; return ;;
    argument) ;;
    *) return ;;
  esac
  for word in \${words[2,CURRENT - 1]}; do
    case $word in
      ${modelNames.join('|')}) model=$word ;;
    esac
  done
  case \${words[1]} in
${commands.map(argumentsOf).join('\n')}
  esac
}

# In a folder of fpath this file is the function itself; with eval it only defines it.
if [[ $funcstack[1] == _tapegrad ]]; then
  _tapegrad "$@"
else
  compdef _tapegrad tapegrad
fi
`;
}
