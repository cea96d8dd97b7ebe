"""One document and how it is looked at, without a window.

Opening files, from caller to called: `file_queue` (window) or `open_scene` (no window) take an
`open_request`; `opening` reads it (`Loading`) by `tiles.pending_file`, which makes the
`tiles.terrain_file` on a thread.
"""
