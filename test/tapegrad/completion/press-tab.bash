# bash press-tab.bash SCRIPT LINE…: what bash offers where TAB is pressed after each LINE: one a line, and a line with ---
# after each.
source "$1"
shift
function_name=$(complete -p tapegrad | sed 's/.*-F \([^ ]*\).*/\1/')
for line in "$@"; do
  # As readline hands a line over: words end at = too, and an empty one is last after a blank.
  read -ra COMP_WORDS <<<"${line//=/ = }"
  if [[ $line == *' ' || $line == *= ]]; then COMP_WORDS+=(''); fi
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  COMP_LINE=$line COMP_POINT=${#line} COMPREPLY=()
  "$function_name" tapegrad "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
  printf '%s\n' "${COMPREPLY[@]}" ---
done
