"""Files, signals and threads of the process: what every command needs and no terrain is in."""
