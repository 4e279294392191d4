# zsh -f press-tab.zsh SCRIPT LINE…: what an interactive zsh offers where TAB is pressed after each LINE: one a line, and a
# line with --- after each.
zmodload zsh/zpty
setup=$(mktemp)
print -r -- "
PROMPT=
cd ${(q)PWD}
autoload -Uz compinit
compinit -u -D
eval \"\$(<${(q)1})\"
bindkey '^I' complete-word
zstyle ':completion:*' insert-tab false
# Writes down what completion adds, and adds nothing. Calls that only look are left alone.
compadd() {
  if (( \${@[(I)-[OAD]]} )); then
    builtin compadd \"\$@\"
    return
  fi
  local -a hits
  builtin compadd -A hits \"\$@\"
  (( \$#hits )) && print -rl -- \$hits >>$setup.offered
  return 1
}
offered() {
  comppostfuncs=(offered)
  : >$setup.done
}
comppostfuncs=(offered)
: >$setup.ready
" >$setup
wait_for() {
  repeat 300; do
    [[ -e $1 ]] && return
    sleep 0.05
  done
  print -u2 "zsh did not come to $1:"
  zpty -rt shell text && print -u2 -r -- "$text"
  exit 1
}
zpty shell zsh -f -i
zpty -w shell "source $setup"
wait_for $setup.ready
for line in "${@[2,-1]}"; do
  : >$setup.offered
  zpty -w -n shell $'\x15'"$line"$'\t'
  wait_for $setup.done
  rm $setup.done
  cat $setup.offered
  print -- ---
done
zpty -d shell
rm -f $setup $setup.*
