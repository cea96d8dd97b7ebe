"""The desktop viewer: a window on a streamed terrain, and pictures of it without one. Never imports
torch.

viewer.render("area.ntile", overlay="error")        # a picture as an array; see viewer/api.py
viewer.Viewer("area.ntile")                         # everything the window does, from Python
viewer.ReferenceRaster("dem.tif", viewer.ReadOptions(unit="ft"))     # a `reference` whose file says
too little
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

# Tiles are decoded by our own worker threads, one tile each. BLAS threads on top of them only wait
# for each other: that made a tile three times slower. It has to be said before numpy is first
# imported.
for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ.setdefault(_name, "1")


def _conflict() -> str | None:
    """Return a sentence that names a module which hides a package beside this one, or None."""
    for name in ("neural", "shaders", "assets"):
        spec = importlib.util.find_spec(name)
        origin = spec.origin if spec else None
        if origin is None:
            return f"{name}: this package of terrain-viewer is missing; install the program again."
        if Path(origin).resolve() != Path(__file__).resolve().parents[1] / name / "__init__.py":
            return (
                f"{origin}: this module hides the package `{name}` of terrain-viewer; rename it, "
                "or start Python in another folder."
            )
    return None


if _message := _conflict():  # see neural/system/start.py; that may be hidden here
    if sys.argv[:1] == ["-m"]:  # `python -m viewer`: its users see a sentence, not a traceback
        print(f"Error: {_message}", file=sys.stderr)
        sys.exit(3)
    raise ImportError(_message, name=__name__)


def __getattr__(name: str) -> Any:
    """Import the names above on first use, so that `import viewer` stays light."""
    if name in ("render", "Viewer"):
        from viewer import api

        return getattr(api, name)
    if name == "FileChangedWarning":
        from viewer.session import file_watch

        return file_watch.FileChangedWarning
    if name in ("ReadOptions", "ReferenceRaster"):
        from neural.raster import reading

        return getattr(reading, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
