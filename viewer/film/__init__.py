"""Films: camera paths through keyframes, generators of them, and rendering them frame by frame."""
