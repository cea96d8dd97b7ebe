"""Encoding: the tile pyramid of a DEM, one tile encoder per method, resumable jobs.

Needs no torch: the encoder of the trained models is in `neural.models.tile_encoder`, and the verb
`neural.encode` chooses between them.
"""
