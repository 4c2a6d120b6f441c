#!/usr/bin/env bash
# Builds the wheel, compares its files with the source's, installs it in an environment of its own and
# runs there, with the source tree absent, the tests that read files and start commands: what is
# missing from the wheel shows here and not at a user's.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$PWD/${1:-.venv/bin/python}
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT

"$python" -m build --wheel --no-isolation --outdir "$room/dist" . >"$room/build.log" 2>&1 ||
    { cat "$room/build.log"; exit 1; }
wheel=$(echo "$room"/dist/*.whl)
tops=$("$python" -m zipfile -l "$wheel" | awk 'NR > 1 { split($1, path, "/"); print path[1] }' |
    sort -u | grep -v '\.dist-info$' | xargs)
[ "$tops" = "agent cloud firmware_bridge shared" ] ||
    { echo "the wheel ships '$tops', not exactly the four packages" >&2; exit 1; }

cmp <(find agent cloud firmware_bridge shared -type f ! -path '*/__pycache__/*' | LC_ALL=C sort) \
    <("$python" -m zipfile -l "$wheel" | awk 'NR > 1 { print $1 }' | grep -v '\.dist-info/' | LC_ALL=C sort) ||
    { echo "the wheel's files are not those of the source" >&2; exit 1; }

"$python" -m venv --without-pip "$room/venv"
"$python" -m pip --disable-pip-version-check --quiet --python "$room/venv/bin/python" \
    install --no-deps "$wheel"
# What it depends on was installed from the locks already, and is searched behind the wheel. A folder
# that a .pth names is not asked for .pth files in its turn: the one that leads to the source is not.
locked='import sysconfig; print(sysconfig.get_path("purelib"))'
"$python" -c "$locked" >"$("$room/venv/bin/python" -c "$locked")/locked.pth"

mkdir "$room/run"
# What a wheel can lack is files, all of which are compared above; these tests read each kind of them
# from where it was installed: migrations, pages, tables of the simulators, commands.
cp -r tests docs pyproject.toml "$room/run/"
cd "$room/run"
"$room/venv/bin/python" -c "
import agent, cloud, firmware_bridge, shared
found = [one.__file__ for one in (agent, cloud, firmware_bridge, shared)]
assert all(path.startswith('$room/venv/') for path in found), found
"
PYTHONDONTWRITEBYTECODE=1 "$room/venv/bin/python" -m pytest -q -m 'not slow and not hypothesis' \
    tests/agent/test_database.py tests/agent/test_run.py tests/agent/home/test_page.py \
    tests/agent/home/local tests/cloud/test_api.py \
    tests/cloud/test_cli.py tests/cloud/test_db.py tests/cloud/tariffs tests/cloud/web \
    tests/firmware_bridge/tools/test_decode.py \
    -p no:cacheprovider "${@:2}"
