"""Measuring: places, distances, areas and profiles on the continuous surface, for the window and for scripts."""
