import type { Values } from '../options/flag.ts';
import { type CompletedCommand, flagsWithValue, modelNames, optionsByModels, quotedFor } from './model.ts';

const quoted = quotedFor.posix;

/** The body of a `case` that completes words and file names. */
function offering({ words = [], paths }: Values): string {
  const parts = [
    ...(words.length > 0 ? [`words=${quoted(words.join(' '))}`] : []),
    ...(paths ? [`paths=${paths}`] : []),
  ];
  return parts.join(' ') || ':';
}

const cases = (entries: readonly (readonly [pattern: string, action: string])[], indent: string): string =>
  entries.map(([pattern, action]) => `${indent}${pattern}) ${action} ;;`).join('\n');

/** The flags of a command that may be given with the model `$2`; all flags if no model is named. */
function flagsOf(command: CompletedCommand): string {
  return optionsByModels(command)
    .map(([models, options]) => {
      const add = `words+=${quoted(` ${options.map(({ flag }) => flag).join(' ')}`)}`;
      return models ? `case $2 in ''|${models.join('|')}) ${add} ;; esac` : add;
    })
    .join('\n      ');
}

/** Bash 4 or later; no other package is needed. */
export function bashScript(commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name }) => name);
  const values = commands.flatMap(({ name, options }) =>
    options
      .filter(({ value }) => value !== 'none')
      .map(({ flag, values }) => [`${name}\\ ${flag}`, values] as const),
  );
  const places = commands.flatMap(({ name, places }) =>
    places.map(({ values, isVariadic }, i) => [`${name}\\ ${isVariadic ? '*' : i}`, values] as const),
  );
  return `# Completion of tapegrad for bash. Made by: tapegrad completion bash

# The flags of the command $1 that go with the model $2, added to words.
_tapegrad_flags() {
  case $1 in
${cases(
  commands.map((command) => [command.name, `\n      ${flagsOf(command)}\n     `] as const),
  '    ',
)}
  esac
}

# What the flag $2 of the command $1 takes.
_tapegrad_values() {
  case "$1 $2" in
${cases(
  values.map(([pattern, what]) => [pattern, offering(what)] as const),
  '    ',
)}
  esac
}

# What stands at the place $2 of the command $1, counted from 0.
_tapegrad_places() {
  case "$1 $2" in
${cases(
  places.map(([pattern, what]) => [pattern, offering(what)] as const),
  '    ',
)}
  esac
}

# Folders that begin with $1: with a run in them or below.
_tapegrad_runs() {
  local folder
  for folder in "$1"*/; do
    if compgen -G "$folder"config.json >/dev/null || compgen -G "$folder"'*/config.json' >/dev/null ||
      compgen -G "$folder"'*/*/config.json' >/dev/null; then
      printf '%s\\n' "\${folder%/}"
    fi
  done
}

_tapegrad() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]}
  local command= model= word words= paths= i count=0
  # Bash hands --flag=value over as three words.
  if [[ $current == '=' ]]; then
    current=
  elif [[ $before == '=' ]]; then
    before=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case $word in
      ${flagsWithValue(commands).join('|')}) if [[ \${COMP_WORDS[i + 1]} == '=' ]]; then ((i += 2)); else ((i += 1)); fi ;;
      -*) ;;
      *)
        if [[ -z $command ]]; then
          command=$word
        else
          case $word in
            ${modelNames.join('|')}) model=$word ;;
          esac
          ((count += 1))
        fi
        ;;
    esac
  done
  if [[ -z $command ]]; then
    words=${quoted([...names, '--help', '--version'].join(' '))}
  else
    case $before in
      -*) _tapegrad_values "$command" "$before" ;;
    esac
    if [[ -z $words$paths ]]; then
      case $before in
        ${flagsWithValue(commands).join('|')}) return ;; # a number, or a name
      esac
      if [[ $current == -* ]]; then
        _tapegrad_flags "$command" "$model"
      else
        _tapegrad_places "$command" "$count"
      fi
    fi
  fi
  mapfile -t COMPREPLY < <(
    compgen -W "$words" -- "$current"
    case $paths in
      runs) _tapegrad_runs "$current" ;;
      folders) compgen -d -- "$current" ;;
      files) compgen -f -- "$current" ;;
    esac
  )
  if [[ -n $paths ]]; then compopt -o filenames 2>/dev/null; fi
}

complete -F _tapegrad tapegrad
`;
}
