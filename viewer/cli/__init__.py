"""The options of the `terrain-viewer` command."""
