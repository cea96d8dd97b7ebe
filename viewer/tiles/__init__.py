"""Reading, quadtree, selection, streaming, errors, picking: CPU only."""
