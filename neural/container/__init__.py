"""The .ntile file: byte layout, metadata, reader, writer and verification.

`open_reader` opens a file and `verify` checks all of one; `write_archive` writes one from the tiles
of a resumable `Stage`. FORMAT.md is the specification. Bodies of tiles are opaque here: the methods
of `neural.methods` decode them.
"""
