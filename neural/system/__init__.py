"""Files, signals and threads of the process, independent of terrain."""
