"""Passes that one picture is drawn by."""
