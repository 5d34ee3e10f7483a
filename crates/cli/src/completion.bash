# Bash splits words at `=` and `:` (COMP_WORDBREAKS), and replaces only the part after them. This function joins the parts for
# the function above, and removes the text before the last part from each completion.
_codat_keys() {
    local rest=$COMP_LINE joined=() before= last= is_before=1 cword=0 trimmed part i
    for ((i = 0; i < ${#COMP_WORDS[@]}; i++)); do
        part=${COMP_WORDS[i]}
        trimmed=${rest#"${rest%%[![:space:]]*}"}
        if ((i > 0)) && [[ $trimmed == "$rest" && ($part =~ ^[=:]+$ || $last =~ ^[=:]+$) ]]; then
            ((i > COMP_CWORD)) || before=${joined[${#joined[@]} - 1]}
            joined[${#joined[@]} - 1]+=$part
        else
            ((i > COMP_CWORD)) || before=
            joined+=("$part")
        fi
        rest=${trimmed#"$part"}
        last=$part
        if ((i == COMP_CWORD)); then
            cword=$((${#joined[@]} - 1))
            if [[ $part =~ ^[=:]+$ ]]; then before+=$part; else joined[cword]=$before$2; fi
        fi
    done
    local COMP_WORDS=("${joined[@]}") COMP_CWORD=$cword
    _clap_complete_codat_keys "$1" "${joined[cword]}" "$3"
    COMPREPLY=("${COMPREPLY[@]#"$before"}")
}
