#!/usr/bin/env bash
# Writes requirements/*.lock from pyproject.toml: names, versions and hashes of the public registry,
# nothing of this machine. Run by `make lock`, with Python 3.11 (the oldest supported).
# LOCK_UPGRADE=1 chooses new versions; otherwise only what pyproject.toml asks for changes.
# LOCK_BEFORE=2026-11-14 leaves out what was uploaded later, where the index tells upload times.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
# Settings of pip on this machine could bring in other indexes, and with them other hashes.
export PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS='' PIP_EXTRA_INDEX_URL=''
export CUSTOM_COMPILE_COMMAND='make lock'

compile() {
    local lock=requirements/$1.lock asked=requirements/$1.in
    [ -e "$asked" ] || asked=pyproject.toml
    shift
    "$python" -m piptools compile --quiet --generate-hashes --strip-extras --allow-unsafe \
        --resolver=backtracking --no-emit-options \
        ${LOCK_BEFORE:+--uploaded-prior-to "$LOCK_BEFORE"} --output-file "$lock" "$@" "$asked"
    echo "$lock: $(grep -c '==' "$lock") packages"
}

# dev is the widest. The others start from its pins and hashes, so that any two install together.
compile dev ${LOCK_UPGRADE:+--upgrade} \
    --extra agent --extra aws --extra cloud --extra cloud-aws --extra postgresql --extra zigbee --extra mdns --extra panel --extra screen --extra parquet --extra lake --extra dev
for narrower in build agent aws mdns panel screen epaper cloud cloud-aws postgresql parquet lake bench zigbee radio; do
    cp requirements/dev.lock "requirements/$narrower.lock"
done
compile build --only-build-deps --build-deps-for wheel --build-deps-for editable
compile agent --extra agent
compile aws --extra agent --extra aws
compile mdns --extra agent --extra mdns
compile panel --extra agent --extra panel
compile screen --extra agent --extra screen
compile epaper --extra agent --extra screen --extra epaper
compile cloud --extra cloud
compile cloud-aws --extra cloud --extra cloud-aws
compile postgresql --extra cloud --extra postgresql
compile parquet --extra cloud --extra parquet
compile lake --extra cloud --extra lake
compile bench --extra agent --extra cloud --extra bench
compile zigbee --extra agent --extra zigbee
compile radio --extra agent --extra zigbee --extra radio
# In an environment of its own: it brings a paho of its own under the same name.
compile thingsboard ${LOCK_UPGRADE:+--upgrade}
# As well: it brings pandas, whose presence others notice.
compile chdb ${LOCK_UPGRADE:+--upgrade}
# As well: it pins what it is made of to the digit.
compile homeassistant ${LOCK_UPGRADE:+--upgrade}
