"""Tiles as continuous surfaces, and their heights anywhere."""
