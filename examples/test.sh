#!/usr/bin/env bash
# Runs every example against a simulated run. Python and npm packages go into the
# cache; what is not to be had here is skipped, and said.
set -euo pipefail
cd "$(dirname "$0")"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/porevec
postgres=pgserver==0.1.4 # brings PostgreSQL with pgvector
venv=$cache/examples-$(cat python/requirements.txt <(echo "$postgres" "$(python3 --version)") | sha256sum | cut -c1-16)
if [ ! -e "$venv/ready" ]; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check -r python/requirements.txt
    "$venv/bin/pip" install -q --disable-pip-version-check "$postgres" || echo "no $postgres for this computer"
    touch "$venv/ready"
fi

if command -v npm > /dev/null; then
    export BROWSER=$cache/examples-browser-$(sha256sum browser/package-lock.json | cut -c1-16)
    mkdir -p "$BROWSER"
    rm -rf "$BROWSER/dist"
    cp browser/*.* "$BROWSER"
    if [ ! -e "$BROWSER/ready" ]; then
        (cd "$BROWSER" && npm ci --no-audit --no-fund --ignore-scripts)
        touch "$BROWSER/ready"
    fi
    (cd "$BROWSER" && npm run build)
fi

exec "$venv/bin/python" python/test_examples.py
