# shellcheck shell=sh
# Sourced by the scripts beside it: a line a step, with how long it took.
#
# The caller sets `source`, the root of the tree. Shell functions have no variables of their own: those
# of a function here begin with its name.

now_ms() {
    echo $(($(date +%s%N) / 1000000))
}

# What a step took since the given ms, as "12.3 s".
took() {
    took_ms=$(($(now_ms) - $1))
    printf '%d.%d s' $((took_ms / 1000)) $((took_ms % 1000 / 100))
}

# step TITLE COMMAND...: its output goes to a log, whose end is shown if it fails.
step() {
    step_title=$1
    shift
    printf '%-52s' "$step_title"
    step_began=$(now_ms)
    step_log=$(mktemp "${TMPDIR:-/tmp}/muster-step-XXXXXX")
    step_code=0
    "$@" >"$step_log" 2>&1 </dev/null || step_code=$?
    if [ "$step_code" -eq 0 ]; then
        rm -f "$step_log"
        took "$step_began"
        echo
        return 0
    fi
    printf 'failed after %s\n\n' "$(took "$step_began")"
    tail -n 60 "$step_log"
    printf '\n%s failed with exit code %d; all of its output: %s\n' "$step_title" "$step_code" "$step_log"
    return "$step_code"
}

# shown TITLE COMMAND...: its output is for people to see as it comes.
shown() {
    step_title=$1
    shift
    step_began=$(now_ms)
    step_code=0
    "$@" || step_code=$?
    printf '%-52s' "$step_title"
    [ "$step_code" -eq 0 ] || printf 'exit code %d after ' "$step_code"
    took "$step_began"
    echo
    return "$step_code"
}

# configure PRESET: once; a build folder that came with a moved or copied tree is begun anew.
configure() {
    configure_cache="$source/build/$1/CMakeCache.txt"
    if [ -f "$source/build/$1/build.ninja" ] &&
        grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$source" "$configure_cache"; then
        return 0
    fi
    (cd "$source" && cmake --fresh --preset "$1")
}

# build PRESET: with all cores; says nothing but what is wrong.
build() {
    configure "$1" && cmake --build "$source/build/$1" --parallel "$(nproc)" -- --quiet
}
