#!/usr/bin/env bash
# The one launcher: makes the environment when it is missing or outdated, then runs the verb.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

say() { printf 'matchline: %s\n' "$*" >&2; }

python_of_host() { # the first Python that is new enough, by what it says of itself
    local candidate
    for candidate in ${MATCHLINE_PYTHON:-} python3.11 python3.12 python3.13 python3; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

apt_install() { # as root on Debian: install; else say the line that does
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "installing $* with apt-get"
        apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >&2
    else
        say "missing: $*. On Debian and Ubuntu:  sudo apt-get install -y $*"
        exit 2
    fi
}

make_environment() {
    local python
    python=$(python_of_host) || { apt_install python3 python3-venv; python=$(python_of_host); } || {
        say "needs Python 3.11, 3.12 or 3.13 (set MATCHLINE_PYTHON to its path)"
        exit 2
    }
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
        apt_install "python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
    if [ ! -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        say "making a virtual environment in .venv with $python"
        rm -rf .venv
        "$python" -m venv .venv
    fi
    say "installing the pinned packages of pyproject.toml (once)"
    local requirements=.venv/requirements.txt
    .venv/bin/python - >"$requirements" <<'PY'
import tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
extras = project["optional-dependencies"]
wanted = ("full", "sinks", "keys", "gateway", "dev")
print("\n".join([*project["dependencies"], *(line for name in wanted for line in extras[name])]))
PY
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$requirements" >&2
    printf '%s' "$1" >.venv/stamp
    say "ready"
}

wanted=$(sha256sum pyproject.toml)
wanted=${wanted%% *}
have=
[ -r .venv/stamp ] && read -r have <.venv/stamp || true
if [ "$have" != "$wanted" ] || [ ! -x .venv/bin/python ]; then
    # Two first starts side by side must not build over each other.
    exec 9>.run.lock
    flock 9
    have=
    [ -r .venv/stamp ] && read -r have <.venv/stamp || true
    [ "$have" = "$wanted" ] || make_environment "$wanted"
    exec 9>&-
fi

exec .venv/bin/python -m ops.cli "$@"
