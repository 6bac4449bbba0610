#!/bin/sh
# What the Makefile asks this machine before it downloads anything.
#   check_setup.sh python   prints the python to use, or says what is missing and how to get it
#   check_setup.sh git      succeeds where DVC can work with git
# Variables: PYTHON (else the newest that fits), CXX, CRF=0 (no compiler needed).
set -eu

GIGABYTES=10 # PyTorch for Linux brings CUDA libraries: 6 GB installed, 3 GB downloaded

fail() { # problem, remedy
    printf 'error: %s\n  fix: %s\n' "$1" "$2" >&2
    exit 1
}

# A name on the PATH may belong to a python that is not installed, so it is run.
fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        fits "$PYTHON" || fail "PYTHON=$PYTHON is not a python 3.11, 3.12 or 3.13" \
            "name one that is, as in: make venv PYTHON=python3.12"
        echo "$PYTHON"
        return
    fi
    for name in python3.13 python3.12 python3.11 python3; do
        if fits "$name"; then
            echo "$name"
            return
        fi
    done
    fail "no python 3.11, 3.12 or 3.13 on the PATH" \
        "sudo apt install python3 python3-venv python3-dev (Debian, Ubuntu), brew install python@3.12 (macOS)"
}

check_venv() {
    version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    "$1" -c 'import venv, ensurepip' 2>/dev/null || fail "$1 cannot make virtual environments" \
        "sudo apt install python$version-venv (Debian, Ubuntu), brew install python@$version (macOS)"
}

# Compiles an empty program: on a fresh macOS `c++` exists and only offers to install a compiler.
has_compiler() {
    for name in ${CXX:+"$CXX"} c++ g++ clang++; do
        if echo '#include <vector>' | $name -x c++ -fsyntax-only - >/dev/null 2>&1; then return; fi
    done
    return 1
}

check_compiler() {
    if [ "${CRF:-1}" = 0 ]; then
        echo 'CRF=0: pydensecrf2 is left out. Set "refine: par" or "none" under pseudo_masks in params.yaml.' >&2
        return
    fi
    without='or do without: add CRF=0 to each make, and set "refine: par" or "none" in params.yaml'
    has_compiler || fail "no C++ compiler (c++, g++ or clang++), and pydensecrf2 is built from source" \
        "sudo apt install g++ (Debian, Ubuntu), xcode-select --install (macOS), $without"
    header=$("$1" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h
    [ -e "$header" ] || fail "the C headers of $1 are missing ($header), and pydensecrf2 is built from source" \
        "sudo apt install python$version-dev (Debian, Ubuntu), brew install python@$version (macOS), $without"
}

check_disk() {
    if [ "$(uname -s)" != Linux ] || [ -d .venv ]; then return; fi
    free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1024 / 1024) }')
    [ "$free" -ge "$GIGABYTES" ] || fail "$free GB free in $PWD, the packages need $GIGABYTES" \
        "free some space, or make .venv a link to a folder on a larger disk"
}

case "${1:-}" in
python)
    python=$(find_python)
    check_venv "$python"
    check_compiler "$python"
    check_disk
    echo "$python"
    ;;
git)
    # 1: in a git repository and not ignored. 0: ignored, as in a folder that another repository ignores.
    # Else no repository, or no git. DVC asks for `no_scm` in these cases; a setting in place is kept.
    status=0
    git check-ignore -q dvc.yaml 2>/dev/null || status=$?
    [ "$status" -eq 1 ] || grep -qs no_scm .dvc/config.local
    ;;
*) fail "check_setup.sh: expected python or git, got '${1:-}'" "run make instead" ;;
esac
