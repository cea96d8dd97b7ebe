"""The desktop viewer: a window on a streamed terrain, and pictures of it without one. Never imports
torch.

viewer.render("area.ntile", overlay="error")        # a picture as an array; see viewer/api.py
viewer.Viewer("area.ntile")                         # everything the window does, from Python
viewer.ReferenceRaster("dem.tif", viewer.ReadOptions(unit="ft"))     # a `reference` whose file says
too little
"""

from __future__ import annotations

import os
from typing import Any

# Tiles are decoded by our own worker threads, one tile each. BLAS threads on top of them only wait
# for each other: that made a tile three times slower. It has to be said before numpy is first
# imported.
for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ.setdefault(_name, "1")


def __getattr__(name: str) -> Any:
    """The names above, imported when they are first used: `import viewer` stays light."""
    if name in ("render", "Viewer"):
        from viewer import api

        return getattr(api, name)
    if name in ("ReadOptions", "ReferenceRaster"):
        from neural.raster import reading

        return getattr(reading, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
