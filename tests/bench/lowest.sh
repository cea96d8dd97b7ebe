#!/bin/sh
# Runs tests with the lowest version of every dependency that pyproject.toml allows.
#
#   tests/bench/lowest.sh [PYTEST ARGS]       by default the rooms that lean on dependencies most
#
# Needs Python 3.11 (PYTHON=python3.11), the lowest that the project allows: later ones lack wheels of these versions.
# TORCH=2.13.0+cpu takes that torch in place of the lowest. The environment stays in build/lowest.
set -eu
tree=$(cd "$(dirname "$0")/../.." && pwd)
venv=$tree/build/lowest
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || {
    echo "lowest: $python is not Python 3.11; name one with PYTHON=python3.11." >&2
    exit 2
}
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" - "$tree/pyproject.toml" >"$venv/lowest.txt" <<'END'
import os, re, sys, tomllib

with open(sys.argv[1], "rb") as file:
    project = tomllib.load(file)["project"]
extras = project["optional-dependencies"]
for line in (*project["dependencies"], *(r for name in ("encode", "bench", "video", "dev") for r in extras[name])):
    name, bound = re.match(r"([\w-]+)(?:\[[\w,]+\])?(?:[>~=]=([\w.+]+))?", line).groups()
    if name == "torch":
        bound = os.environ.get("TORCH", bound)
    if bound:
        print(f"{name}=={bound}")
END
echo "lowest: $(tr '\n' ' ' <"$venv/lowest.txt")" >&2
"$venv/bin/python" -m pip --disable-pip-version-check -qq install -r "$venv/lowest.txt"
# What the pins leave open, such as the project's own extras, is there already or has no bound.
"$venv/bin/python" -m pip --disable-pip-version-check -qq install -c "$venv/lowest.txt" "$tree[dev]"
"$venv/bin/python" -m pip --disable-pip-version-check -qq uninstall -y terrain-viewer # the tree is tested
cd "$tree"
[ $# -gt 0 ] || set -- tests/neural/container tests/neural/raster tests/neural/surface tests/neural/measure \
    tests/neural/encoding/test_lapped_encode.py tests/viewer/model tests/viewer/storage tests/viewer/tiles \
    tests/viewer/cli tests/viewer/scene/test_scene.py tests/viewer/graphics/test_shaders.py
exec "$venv/bin/python" -m pytest -p no:cacheprovider "$@"
