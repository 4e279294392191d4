# fish --no-config press-tab.fish SCRIPT LINE…: what fish offers where TAB is pressed after each LINE: one a line, and a line
# with --- after each.
source $argv[1]
for line in $argv[2..]
    complete -C $line
    echo ---
end
