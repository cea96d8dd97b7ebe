"""OpenGL contexts, shader compilation and capabilities of the renderer.

`import moderngl` works without any GL library; a missing one shows when a context is made, and
becomes one sentence with the package to install.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import moderngl
import numpy as np

import shaders
from neural.errors import NtileError

VERSIONS = {"auto": (430, 410), "4.3": (430,), "4.1": (410,)}
"""Values of `--gl` and the GL versions tried for each, best first. macOS ends at 4.1."""

INSTALL = "apt-get install -y libegl1 libgl1"
"""Advice to install OpenGL on a bare Debian or Ubuntu machine (the window also needs it for its X11
libraries)."""

Define = int | float | bool | str
"""Value of a #define."""

_SOFTWARE = ("llvmpipe", "softpipe", "swiftshader", "software", "swrast")


class GlError(NtileError):
    """OpenGL is missing or unusable (exit status 3)."""


def create_context(gl: str = "auto", **options: Any) -> moderngl.Context:
    """Create a context without a window, or (`standalone=False`) wrap the current one.

    `options` go to moderngl; without any, the context is EGL's, which needs no display. Raises
    GlError.
    """
    if options:
        return first_version(
            gl, lambda require: moderngl.create_context(require=require, **options)
        )
    headless: dict[str, Any] = {"standalone": True, "backend": "egl"}
    ctx = first_version(gl, lambda require: moderngl.create_context(require=require, **headless))
    # Without a window there is no framebuffer to go back to when another is freed; this one stays.
    ctx.simple_framebuffer((1, 1)).use()
    return ctx


def first_version(gl: str, create: Callable[[int], moderngl.Context]) -> moderngl.Context:
    """Return `create(require)` for the first GL version that works, e.g. 430 then 410."""
    reasons = []
    for require in VERSIONS[gl]:
        try:
            return create(require)
        except Exception as error:  # moderngl raises plain Exceptions
            reasons.append(str(error))
    raise GlError(_sentence(gl, reasons))


def _sentence(gl: str, reasons: list[str]) -> str:
    reason = reasons[-1].strip().rstrip(".")
    if "not loaded" in reason or "not found" in reason or "cannot open shared object" in reason:
        return f"OpenGL is not installed ({reason}); install it with `{INSTALL}`."
    version = "4.1 or newer" if gl == "auto" else gl
    return (
        f"No OpenGL {version} context could be made ({reason}); "
        f"on Debian or Ubuntu try `{INSTALL}`."
    )


def is_software(ctx: moderngl.Context) -> bool:
    """Return True for a software renderer (Mesa llvmpipe, SwiftShader): shader decoding is then too
    slow."""
    return any(name in ctx.info["GL_RENDERER"].lower() for name in _SOFTWARE)


def max_target_side(ctx: moderngl.Context, default: int) -> int:
    """Return the largest width and height in pixels of a framebuffer; `default` stands for limits
    that the driver does not report."""
    names = ("GL_MAX_TEXTURE_SIZE", "GL_MAX_RENDERBUFFER_SIZE", "GL_MAX_VIEWPORT_DIMS")
    return min(int(np.min(ctx.info.get(name, default))) for name in names)


def describe(ctx: moderngl.Context) -> str:
    """Return renderer and GL version as one line, for benchmarks and about boxes."""
    return (
        f"{ctx.info['GL_RENDERER']}, OpenGL {ctx.version_code // 100}.{ctx.version_code // 10 % 10}"
    )


def program(
    ctx: moderngl.Context,
    vertex: str,
    fragment: str,
    *,
    geometry: str | None = None,
    parts: Mapping[str, str] | None = None,
    defines: Mapping[str, Define] | None = None,
) -> moderngl.Program:
    """Compile and link entry files of shaders/. Raises GlError with file names and lines."""
    stages = {"vertex": vertex, "fragment": fragment} | ({"geometry": geometry} if geometry else {})
    sources = {
        stage: shaders.source(name, parts=parts, **(defines or {}))
        for stage, name in stages.items()
    }
    try:
        return ctx.program(
            vertex_shader=sources["vertex"].text,
            fragment_shader=sources["fragment"].text,
            geometry_shader=sources["geometry"].text if geometry else None,
        )
    except moderngl.Error as error:
        raise _compile_error(str(error), sources) from None


def compute(
    ctx: moderngl.Context,
    name: str,
    *,
    parts: Mapping[str, str] | None = None,
    defines: Mapping[str, Define] | None = None,
) -> moderngl.ComputeShader:
    """Compile a compute entry file (GL 4.3). Raises GlError as `program`."""
    source = shaders.source(name, parts=parts, **(defines or {}))
    try:
        return ctx.compute_shader(source.text)
    except moderngl.Error as error:
        raise _compile_error(str(error), {"compute": source}) from None


def _compile_error(log: str, sources: Mapping[str, shaders.ShaderSource]) -> GlError:
    # moderngl heads the log with the stage: "vertex_shader", "fragment_shader", …
    stage = next((stage for stage in sources if f"{stage}_shader" in log), next(iter(sources)))
    return GlError(
        f"A shader did not compile; please report this with your graphics driver's name:\n"
        f"{shaders.explain(log, sources[stage].files)}"
    )


def set_uniforms(target: moderngl.Program | moderngl.ComputeShader, **values: Any) -> None:
    """Set uniforms by name without the `u_`; ones removed by the compiler are ignored."""
    for name, value in values.items():
        member = target.get(f"u_{name}", None)
        if isinstance(member, moderngl.Uniform):
            if isinstance(value, bytes):
                member.write(value)
            else:
                member.value = value
