"""The desktop viewer: a window on a streamed terrain, and pictures of it without one. Never imports torch."""

import os

# Tiles are decoded by our own worker threads, one tile each. BLAS threads on top of them only wait for each other:
# that made a tile three times slower. It has to be said before numpy is first imported.
for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ.setdefault(_name, "1")
