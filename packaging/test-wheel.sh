#!/usr/bin/env bash
# Builds the wheel, installs it in a fresh environment and runs the fast tests there, with the
# source tree absent: what is missing from the wheel shows here and not at a user's.
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

"$python" -m venv --without-pip "$room/venv"
"$python" -m pip --disable-pip-version-check --quiet --python "$room/venv/bin/python" \
    install --require-hashes -r requirements/dev.lock
"$python" -m pip --disable-pip-version-check --quiet --python "$room/venv/bin/python" \
    install --no-deps "$wheel"

mkdir "$room/run"
# tests/docs checks the documentation against the source, which is absent here on purpose. Properties
# are proved on the source: what a wheel can lack is files, and one example finds that.
cp -r tests docs pyproject.toml "$room/run/"
cd "$room/run"
PYTHONDONTWRITEBYTECODE=1 "$room/venv/bin/python" -m pytest -q -n 2 --dist worksteal -m 'not slow and not hypothesis' \
    --ignore=tests/bench --ignore=tests/docs \
    -p no:cacheprovider "${@:2}"
