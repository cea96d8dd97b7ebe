"""OpenGL contexts, shader compilation and capabilities of the renderer.

`import moderngl` works without any GL library; a missing one shows when a context is made, and
becomes one sentence with the package to install.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from ctypes.util import find_library
from functools import cache
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

_EGL_SURFACES = (0x3059, 0x305A)  # to draw to, to read from
_SOFTWARE = ("llvmpipe", "softpipe", "swiftshader", "software", "swrast")


class GlError(NtileError):
    """OpenGL is missing or unusable (exit status 3)."""


class ForkedError(GlError):
    """OpenGL of a process is used in its forked child."""


_process: int | None = None  # the process that has OpenGL


def is_forked() -> bool:
    """Return True in a child that was forked after its parent used OpenGL.

    Drivers and loaders have threads that a forked child lacks; it would wait for them for ever.
    """
    return _process not in (None, os.getpid())


def check_process() -> None:
    """Raise ForkedError in a forked child (`is_forked`)."""
    if is_forked():
        raise ForkedError(
            "A forked process cannot draw once its parent has; start it with "
            'multiprocessing.get_context("spawn"), and open the file there.'
        )


def create_context(gl: str = "auto", **options: Any) -> moderngl.Context:
    """Create a context without a window, or (`standalone=False`) wrap the current one.

    `options` go to moderngl; without any, the context is EGL's, which needs no display. Raises
    GlError.
    """
    global _process
    check_process()
    if options:
        ctx = first_version(gl, lambda require: moderngl.create_context(require=require, **options))
        _process = os.getpid()
        return ctx
    headless: dict[str, Any] = {"standalone": True, "backend": "egl"}
    ctx = first_version(gl, lambda require: moderngl.create_context(require=require, **headless))
    _process = os.getpid()
    # Without a window there is no framebuffer to go back to when another is freed; this one stays.
    ctx.simple_framebuffer((1, 1)).use()
    return ctx


class SharedContext:
    """Context without a window that the threads of a process take in turn, each in a `with` block.

    OpenGL has a context current in at most one thread: between the blocks it is in none.
    """

    def __init__(self, gl: str = "auto") -> None:
        """Raises GlError."""
        self._before = _Current()
        self._ctx = create_context(gl)
        self._mine = _Current()
        self._mine.give_way(self._before)
        self._lock = threading.RLock()
        self._depth = 0
        self._late: deque[Callable[[], None]] = deque()

    def __enter__(self) -> moderngl.Context:
        """Wait for other threads, then return the context. Raises ForkedError in a forked child."""
        check_process()
        self._lock.acquire()
        if self._depth == 0:
            self._before = _Current()
            try:
                self._mine.take()
            except BaseException:
                self._lock.release()
                raise
        self._depth += 1
        while self._depth == 1 and self._late:
            with suppress(Exception):  # a finalizer's: nobody hears of it
                self._late.popleft()()
        return self._ctx

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._mine.give_way(self._before)
        self._lock.release()

    def run_soon(self, work: Callable[[], None]) -> None:
        """Run `work` with the context: now, or in the next block where some block runs. For
        finalizers, which must not wait."""
        self._late.append(work)
        if not is_forked() and self._lock.acquire(blocking=False):
            try:
                if self._depth == 0:
                    with self:
                        pass
            finally:
                self._lock.release()


class _Current:
    """EGL's display, surfaces and context that are current in this thread."""

    def __init__(self) -> None:
        egl = _egl()
        self._display = egl and egl.eglGetCurrentDisplay()
        self._surfaces = [egl and egl.eglGetCurrentSurface(kind) for kind in _EGL_SURFACES]
        self._context = egl and egl.eglGetCurrentContext()

    def take(self) -> None:
        """Make them current in this thread. Raises GlError."""
        if not self._made_current():
            raise GlError(
                "OpenGL cannot be used in this thread while another has it; draw in that one."
            )

    def _made_current(self) -> bool:
        egl = _egl()
        return not egl or bool(egl.eglMakeCurrent(self._display, *self._surfaces, self._context))

    def give_way(self, before: _Current) -> None:
        """Make those of `before` current in their place; none where they are no more."""
        if before._context and before._made_current():
            return
        if egl := _egl():
            egl.eglMakeCurrent(self._display, None, None, None)


@cache
def _egl() -> Any:
    """Return the EGL library that moderngl uses; None without one."""
    for name in (os.environ.get("GLCONTEXT_LINUX_LIBEGL"), "libEGL.so.1", find_library("EGL")):
        with suppress(OSError):
            if name:
                egl = ctypes.CDLL(name)
                break
    else:
        return None
    pointer = ctypes.c_void_p
    for function, result, arguments in (
        ("eglGetCurrentDisplay", pointer, []),
        ("eglGetCurrentContext", pointer, []),
        ("eglGetCurrentSurface", pointer, [ctypes.c_int]),
        ("eglMakeCurrent", ctypes.c_uint, [pointer] * 4),
    ):
        call = getattr(egl, function)
        call.restype = result
        call.argtypes = arguments
    return egl


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
