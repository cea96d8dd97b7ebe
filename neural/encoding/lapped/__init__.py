"""Lapped SIREN: rate–distortion encoding."""
