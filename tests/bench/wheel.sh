#!/bin/sh
# Tests the installed wheel with the source out of the way: only tests/ lies beside it.
#
#   tests/bench/wheel.sh [PYTEST ARGS]       by default the tests that need neither torch nor the source
#
# Builds the wheel, installs it without extras into a fresh environment (so without torch), runs both commands and the
# tests. Everything happens in a temporary folder. PYTHON=python3.12 chooses the interpreter,
# NTILE_REQUIRE_GL=0 leaves out what draws.
set -eu
tree=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { printf 'wheel: %s\n' "$*" >&2; }

say "building"
"${PYTHON:-python3}" -m venv "$work/venv"
bin=$work/venv/bin
[ -d "$bin" ] || bin=$work/venv/Scripts # Windows
pip() { "$bin/python" -m pip --disable-pip-version-check -qq "$@"; }
pip wheel --no-deps --wheel-dir "$work/wheel" "$tree"
say "installing $(basename "$work"/wheel/*.whl) ($(du -k "$work"/wheel/*.whl | cut -f1) KiB)"
pip install "$work"/wheel/*.whl pytest pytest-timeout pmtiles hypothesis
mkdir "$work/empty"
cp -R "$tree/tests" "$tree/pyproject.toml" "$work/empty"
cd "$work/empty"
unset PYTHONPATH

say "commands"
sample=$("$bin/python" -c 'import assets; print(assets.sample_files()[0])')
case $sample in "$tree"*) say "the source was found, not the wheel"; exit 1 ;; esac
"$bin/ntile" --version
"$bin/ntile" info "$sample" | head -n 3
"$bin/ntile" verify "$sample"
"$bin/ntile" decode "$sample" decoded.tif --resolution 32
[ -s decoded.tif ]
"$bin/terrain-viewer" --version
if [ "${NTILE_REQUIRE_GL:-1}" = 1 ]; then
    "$bin/terrain-viewer" --headless --screenshot picture.png --size 640x360
    [ -s picture.png ]
    "$bin/python" -c 'import sys, viewer; assert viewer.render(sys.argv[1], size=(64, 36)).any()' "$sample"
fi

say "tests"
[ $# -gt 0 ] || set -- tests/neural/container/test_frozen_files.py tests/neural/container/test_container.py \
    tests/neural/container/test_envelope.py tests/neural/container/test_pmtiles.py tests/neural/surface \
    tests/viewer/model tests/viewer/storage tests/viewer/graphics/test_shaders.py tests/viewer/scene/test_scene.py
"$bin/python" -m pytest -p no:cacheprovider "$@"
say "the wheel stands on its own"
