#!/usr/bin/env bash
# Makes sure that programs from the system are there, by apt where they are absent, and says so.
#   setup.sh mosquitto postgresql   those programs (and libatomic, a library)
#   setup.sh python [PATH]        a Python that can make virtual environments; prints its path
set -euo pipefail

# Debian keeps daemons in sbin, which an ordinary user's PATH lacks.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

fail() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

install_packages() {
    command -v apt-get >/dev/null || fail "no apt-get here; install $* yourself and run make again"
    local root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "$* missing; as root run: apt-get install $*"
        root=(sudo)
    fi
    echo "setup: $* absent; installing with ${root[*]:+sudo }apt-get" >&2
    "${root[@]}" apt-get update -qq >&2
    case " $* " in *" postgresql "*) forgo_cluster "${root[@]}" ;; esac
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# Debian's package would make a database cluster and start it; the tests start servers of their own.
forgo_cluster() {
    [ ! -e /etc/postgresql-common/createcluster.conf ] || return 0
    "$@" mkdir -p /etc/postgresql-common/createcluster.d
    echo 'create_main_cluster = false' |
        "$@" tee /etc/postgresql-common/createcluster.d/hearthlink.conf >/dev/null
}

check_python() {
    local python=$1
    [ -n "$python" ] || install_packages python3 python3-venv
    python=${python:-python3}
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$("$python" --version 2>&1) is too old; use make PYTHON=/path/to/python3.11 or later"
    "$python" -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv
    echo "$python"
}

if [ "${1:-}" = python ]; then
    check_python "${2:-}"
    exit 0
fi

missing=()
for program in "$@"; do
    case $program in
    # The C reference of the panel protocol is built in the tests, with the sanitizers gcc brings.
    gcc) command -v gcc >/dev/null || missing+=(gcc libc6-dev) ;;
    mosquitto) command -v mosquitto >/dev/null || missing+=(mosquitto) ;;
    # A PKCS#11 token in software, for the tests of keys in a token.
    softhsm) command -v softhsm2-util >/dev/null || missing+=(softhsm2) ;;
    # A PostgreSQL server's programs, which Debian keeps off the PATH.
    postgresql) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null ||
        command -v initdb >/dev/null || missing+=(postgresql) ;;
    # A library that gives one process another wall clock, for hearthlink torture.
    faketime) compgen -G '/usr/lib*/faketime/libfaketime*' >/dev/null ||
        compgen -G '/usr/lib*/*/faketime/libfaketime*' >/dev/null || missing+=(libfaketime) ;;
    chromium) command -v chromium >/dev/null || missing+=(chromium) ;;
    # The tools that make and check types for TypeScript.
    node) command -v npm >/dev/null || missing+=(nodejs npm) ;;
    # The driver that steers the browser in tests is linked against it.
    libatomic) ldconfig -p | grep -q 'libatomic\.so\.1 ' || missing+=(libatomic1) ;;
    *) fail "unknown program $program" ;;
    esac
done
[ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
