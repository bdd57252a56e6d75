#!/bin/sh
# Make .venv and install Bitrill into it, editable, with everything that development needs, in the
# versions of constraints.txt. Does nothing when that has been done for the present files.
# PYTHON names the interpreter to use; otherwise the first of the usual ones that is new enough.
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "bitrill: $1" >&2
    exit 3
}

missing=""
for tool in g++ make perl; do
    command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
[ -z "$missing" ] || fail "missing:$missing. Verilator needs them to build simulators. \
Debian, Ubuntu: apt-get install$missing; Fedora: dnf install$(echo "$missing" | sed 's/g++/gcc-c++/'); \
macOS: xcode-select --install"

python=""
for candidate in ${PYTHON:-python3 python3.11 python3.12 python3.13}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || fail "missing: Python 3.11 or newer. \
Debian, Ubuntu: apt-get install python3 python3-venv; or name one: make PYTHON=/path/to/python3.11"
"$python" -c 'import ensurepip, venv' >/dev/null 2>&1 || fail "missing: the venv module of $python. \
Debian, Ubuntu: apt-get install python3-venv"

# the stamp holds what was installed: these two files, here
key=$(cat pyproject.toml constraints.txt | cksum) || fail "cannot read pyproject.toml"
key="$key $(pwd)"
stamp=.venv/.installed
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$key" ]; then
    exit 0
fi

echo "bitrill: installing into .venv (some minutes, once)" >&2
rm -f "$stamp"
[ -x .venv/bin/python ] || "$python" -m venv .venv
# builds in isolation are held to the same versions
export PIP_CONSTRAINT="$PWD/constraints.txt" PIP_BUILD_CONSTRAINT="$PWD/constraints.txt"
export PIP_DISABLE_PIP_VERSION_CHECK=1
# Python compiles what it imports; all that is installed takes longer than the installation
.venv/bin/python -m pip install --quiet --no-compile -c constraints.txt -e '.[dev]' ||
    fail "pip could not install what constraints.txt names; its message is above"
echo "$key" >"$stamp"
