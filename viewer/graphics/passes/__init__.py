"""Render passes."""
