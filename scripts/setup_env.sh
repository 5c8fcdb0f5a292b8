# Sourced by the other scripts: a virtual environment in .venv with the package.
#
# PYTHON=/path/to/python3.10 chooses the interpreter, VENV=DIR another folder, and
# DEEPLAB_NAS_TENSORFLOW=2.20 the newer TensorFlow where the Python has both.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="${VENV:-$ROOT/.venv}"
[[ "$VENV" == /* ]] || VENV="$PWD/$VENV"

# Notes of TensorFlow and its dependencies at start-up, on which nobody can act.
export TF_CPP_MIN_LOG_LEVEL="${TF_CPP_MIN_LOG_LEVEL:-3}"
export PYTHONWARNINGS="${PYTHONWARNINGS:-ignore::FutureWarning}"

say() { printf '\n== %s\n' "$*"; }

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 2
}

# Prints the comment at the top of a script, which is its help, and ends, if its
# first argument asks for it.
help_if_asked() {
  local line script="$1"
  [[ "${2:-}" == -h || "${2:-}" == --help ]] || return 0
  while IFS= read -r line; do
    [[ "$line" == '#'* ]] || exit 0
    [[ "$line" == '#!'* ]] || { line="${line#'#'}"; echo "${line# }"; }
  done < "$script"
}

# Whether an interpreter is there and is one of Python 3.9 to 3.13.
is_suited() {
  "$1" -c 'import sys; sys.exit(not (3, 9) <= sys.version_info < (3, 14))' \
    > /dev/null 2>&1
}

find_python() {
  local candidate
  if [[ -n "${PYTHON:-}" ]]; then
    is_suited "$PYTHON" || fail "PYTHON=$PYTHON is $(version_of "$PYTHON")," \
      "but TensorFlow needs one of Python 3.9 to 3.13."
    echo "$PYTHON"
    return
  fi
  # The longest tested first: those of TensorFlow 2.15.
  for candidate in python3.{11,10,9,12,13} python3 python; do
    if is_suited "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  fail "TensorFlow needs one of Python 3.9 to 3.13, and none is on the PATH" \
    "(python3 is $(version_of python3)): install one, or set" \
    "PYTHON=/path/to/python3.11."
}

version_of() {
  "$1" --version 2> /dev/null || echo 'no Python'
}

# Ends if $VENV is not this checkout's own: an installation of this one would
# take the place of another's without a word.
refuse_foreign() {
  local stamp held
  if [[ -L "$VENV" ]]; then
    fail "$VENV is a link to $(cd "$VENV" 2> /dev/null && pwd -P \
      || echo nothing), which is not set up for $ROOT: remove the link, or" \
      "choose a folder with VENV=DIR."
  fi
  for stamp in "$VENV"/.installed*; do
    [[ -f "$stamp" ]] || continue
    held="$(< "$stamp")"
    held="${held% * * *}" # without checksum, size and TensorFlow
    if [[ "$held" != "$ROOT" && -d "$held" ]]; then
      fail "$VENV is set up for $held, not for $ROOT: remove it, or choose" \
        "another folder with VENV=DIR."
    fi
  done
}

# Ends if $VENV holds files that are no environment's: they would be removed.
refuse_other_files() {
  local entry
  if [[ -d "$VENV" ]]; then
    for entry in "$VENV"/pyvenv.cfg "$VENV"/.installed*; do
      [[ ! -f "$entry" ]] || return 0
    done
  fi
  for entry in "$VENV"/* "$VENV"/.[!.]* "$VENV"; do
    if [[ -e "$entry" && (! -d "$VENV" || "$entry" != "$VENV") ]]; then
      fail "$VENV is no virtual environment, and $entry would be lost: remove" \
        "it yourself, or choose another folder with VENV=DIR."
    fi
  done
}

# Makes .venv and installs the package with the given extra ('' or '[dev]').
# A stamp remembers what is installed, so a second call does nothing.
set_up() {
  local extra="$1" wanted stamp python
  wanted="$ROOT $(cksum < "$ROOT/setup.py") ${DEEPLAB_NAS_TENSORFLOW:-}"
  if is_suited "$VENV/bin/python"; then
    for stamp in "$VENV/.installed$extra" "$VENV/.installed[dev]"; do
      if [[ -f "$stamp" && "$(< "$stamp")" == "$wanted" ]]; then
        return
      fi
    done
  fi
  refuse_foreign
  if ! is_suited "$VENV/bin/python"; then
    python="$(find_python)"
    refuse_other_files
    say "Making a virtual environment in $VENV ($(version_of "$python"))"
    rm -rf "$VENV"
    "$python" -m venv "$VENV" || fail "$python cannot make a virtual" \
      "environment: install its venv module (on Debian and Ubuntu:" \
      "apt-get install python3-venv)."
  fi
  say "Installing into $VENV (TensorFlow and others; some minutes)"
  rm -f "$VENV"/.installed* # of another TensorFlow, perhaps
  # Without the warning of setuptools that an editable installation is one.
  "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check \
    --upgrade 'pip>=23' \
    && PYTHONWARNINGS=ignore "$VENV/bin/python" -m pip install --quiet \
      --disable-pip-version-check --editable "$ROOT$extra" \
    || fail "the installation failed; pip says why above. Run the same" \
      "command again when that is solved."
  echo "$wanted" > "$VENV/.installed$extra"
}

# After set_up: if a later command fails, looks for the reason in environment and
# machine; $1 is where results go. The exit code stays that of the command.
explain_failures() {
  results="${1:-.}"
  trap 'exit 130' INT  # after the command that it interrupts has ended
  trap 'explain $?' EXIT
}

explain() {
  if (($1 != 0 && $1 != 130)); then
    say "That failed (exit code $1). Is it the environment?" >&2
    "$VENV/bin/python" "$ROOT/scripts/doctor.py" --run_dir="$results" >&2 || :
  fi
}
