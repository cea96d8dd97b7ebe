"""Lapped SIREN: everything that decoding needs."""
