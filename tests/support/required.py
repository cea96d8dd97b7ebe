"""Requirements that a machine may lack."""

from __future__ import annotations

import os


def gl_is_required() -> bool:
    """Return True if a machine without OpenGL fails the tests that need it, instead of skipping
    them."""
    return os.environ.get("CI", "").lower() == "true" or os.environ.get("NTILE_REQUIRE_GL") == "1"
