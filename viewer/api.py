"""The viewer from Python: everything the window does, without one. `viewer.render` and
`viewer.Viewer` come from here.

    import viewer

    picture = viewer.render("area.ntile", size=(1920, 1080), overlay="error")  # uint8 [h, w, 3]
    with viewer.Viewer("area.ntile", exaggeration=2, hillshade="multidirectional") as v:
        v.camera.look(30, -10)
        v.save("big.png", size=(12000, 8000))
        v.film("tour", "demo.mp4", duration_s=20)

All viewers of a process share one OpenGL context; its threads may use them, one at a time. A
process forked after a picture was drawn cannot draw: start processes by "spawn". An invalid
argument is a `UsageError` that names it.
"""

from __future__ import annotations

import atexit
import os
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from weakref import WeakSet

import numpy as np

from neural.errors import NtileError, UsageError
from neural.progress import Report
from neural.raster.reading import Raster, ReferenceRaster
from neural.system import arguments
from viewer.film import output, record
from viewer.film.generators import GENERATORS, generated
from viewer.graphics import gl
from viewer.model import fonts, limits
from viewer.model.camera import Camera
from viewer.model.camera_path import CameraPath, retimed
from viewer.model.measurements import MEASUREMENT_KINDS
from viewer.model.readings import ErrorStats, FrameStats, Pick
from viewer.model.settings import Measurement, Settings
from viewer.pictures import offscreen
from viewer.pictures.png import png_bytes, write_strips
from viewer.scene import legend, overview
from viewer.scene.scene import Scene
from viewer.session.document import Document
from viewer.session.file_watch import FileChangedWarning, warn
from viewer.session.open_request import OpenRequest
from viewer.session.session import Session
from viewer.storage import bookmarks, named, path_file, project

if TYPE_CHECKING:
    from viewer.measuring.profiles import Profile
    from viewer.measuring.quantities import MeasurementResult
    from viewer.measuring.terrain import Terrain

ViewSpec = Camera | str | os.PathLike[str] | dict[str, float] | None
"""Camera or its JSON values, a bookmark's name, a .json file; None: the full extent."""

PathSpec = CameraPath | str | os.PathLike[str]
"""Camera path, a generator's name ("tour", "orbit"), or a path file."""

DECORATIONS = ("legend", "measurements")
"""Decorations of pictures unless others are given."""

_contexts: dict[str, gl.SharedContext] = {}
_making = threading.Lock()
_open_viewers: WeakSet[Viewer] = WeakSet()

MEASURED = "give pairs such as [(easting, northing), …] in the file's meters"
DURATION_S = (0.1, 36000.0)
"""Shortest and longest film, seconds."""

SIZED = "give a width and a height in pixels, such as (1280, 720)"


def render(
    path: str | os.PathLike[str],
    view: ViewSpec = None,
    size: tuple[int, int] = (1280, 720),
    overlay: str | None = None,
    method: str | Sequence[str] | None = None,
    bits: int | Sequence[int] | None = None,
    **options: Any,
) -> np.ndarray:
    """Render a picture of a file or URL, of any size.

    Parameters
    ----------
    path
        .ntile file or URL, or a project (.json).
    view
        Camera or its JSON values, a bookmark's name or a .json file; None: the full extent from
        the south, or a project's view.
    size
        Width and height, pixels.
    overlay, method, bits
        See `Viewer.set` and `Viewer`; None: none, or a project's.
    **options
        Further options of `Viewer`: `reference`, `compare`, `decorations` and settings.

    Returns
    -------
    ndarray
        uint8 [height, width, 3], top row first.

    Raises
    ------
    NtileError
        The file, a tile or OpenGL is not available; UsageError for invalid arguments.

    Examples
    --------
    >>> import viewer
    >>> from assets import sample_files
    >>> area = sample_files()[0]
    >>> picture = viewer.render(area, size=(96, 64), overlay="slope", decorations=["legend"])
    >>> picture.shape
    (64, 96, 3)
    >>> coarse = viewer.render(area, size=(96, 64), exaggeration=3, fog=0.4)
    """
    if overlay is not None:
        options["overlay"] = overlay
    with Viewer(path, size=size, method=method, bits=bits, **options) as viewer:
        if view is not None:
            viewer.look(view)
        return viewer.render()


class Viewer:
    """Open file with a camera, without a window. Use it as a context manager, or `close` it.

    Parameters
    ----------
    path
        .ntile file or URL, or a project (.json), over which other arguments go.
    size
        Width and height of pictures, pixels.
    reference
        DEM to measure errors against, or a `ReferenceRaster` with its reading options; None: the
        file's own reference layer.
    compare
        Second file, for slot B (`split=True` shows both).
    method, bits
        Method and bit depth of slot A, or pairs for A and B.
    decorations
        Decorations of pictures: legend, scale, north, credits, measurements. The default leaves a
        project its own.
    gl_version
        "auto", "4.3" or "4.1".
    **settings
        See `set`.

    Raises
    ------
    NtileError
        A file or OpenGL is not available; UsageError for invalid arguments.

    Examples
    --------
    >>> import viewer
    >>> from assets import sample_files
    >>> with viewer.Viewer(sample_files()[0], size=(96, 64), exaggeration=2) as v:
    ...     v.set(overlay="slope", sun_azimuth_deg=300)
    ...     v.camera.look(20, -10)
    ...     picture = v.render()
    ...     west, south, east, north = v.scene.reader.grid.bounds
    ...     line = v.profile([(west, south), (east, north)])
    >>> picture.shape
    (64, 96, 3)
    >>> sorted(line.heights_m)
    ['A', 'B', 'reference']
    """

    _closed = True  # until it holds anything

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        size: tuple[int, int] = (1280, 720),
        reference: Raster | None = None,
        compare: str | os.PathLike[str] | None = None,
        method: str | Sequence[str] | None = None,
        bits: int | Sequence[int] | None = None,
        decorations: Sequence[str] = DECORATIONS,
        gl_version: str = "auto",
        **settings: Any,
    ) -> None:
        self.path = arguments.path("path", path)
        self.settings = Settings()
        """All settings, by group and name; may be changed in place."""
        self.size = size
        self.set(**settings)
        kinds = [kind.name for kind in fields(self.settings.decorations)]
        names = arguments.several("decorations", decorations, f"choose from {', '.join(kinds)}")
        for kind in names:
            if not isinstance(kind, str) or kind not in kinds:
                raise UsageError(
                    f"{arguments.shown(kind)} is no decoration; choose from {', '.join(kinds)}."
                )
        for kind in kinds:
            setattr(self.settings.decorations, kind, kind in names)
        self._ctx = context(gl_version)
        self._session = Session(self.settings)
        self._closed = False
        _open_viewers.add(self)
        try:
            with self._ctx as ctx:
                self._session.attach(ctx, gl_version)
            asked = replace(self.settings.decorations)
            self.open(path, reference=reference, compare=compare, method=method, bits=bits)
            self.set(**settings)  # over what a project says
            if decorations is not DECORATIONS:
                self.settings.decorations = asked
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of pictures, pixels."""
        return self._size

    @size.setter
    def size(self, size: tuple[int, int]) -> None:
        self._size = _size(size)

    # Files and layers

    def open(
        self,
        path: str | os.PathLike[str],
        *,
        reference: Raster | None = None,
        compare: str | os.PathLike[str] | None = None,
        method: str | Sequence[str] | None = None,
        bits: int | Sequence[int] | None = None,
    ) -> None:
        """Show another file at its full extent, or a project in its view; see `Viewer`. Parts of a
        project that are not restored are warnings. Raises NtileError; the present file then
        stays."""
        if isinstance(reference, ReferenceRaster):
            raster: ReferenceRaster | None = reference
        else:
            named_raster = None if reference is None else arguments.path("reference", reference)
            raster = None if named_raster is None else ReferenceRaster(named_raster)
        request = OpenRequest(
            arguments.path("path", path),
            raster,
            tuple(arguments.text("method", name) for name in _several("method", method)),
            tuple(arguments.whole("bits", count) for count in _several("bits", bits)),
            None if compare is None else arguments.path("compare", compare),
            check_overlay=True,
        )
        if not request.path.lower().endswith(".json"):
            self._require_open()
            with self._ctx:  # other threads do not draw it with the former camera
                self._show(request)
                self.look(None)
            return
        for sentence in self._show_project(request):
            warn(sentence, UserWarning)

    def _show(self, request: OpenRequest) -> list[str]:
        self._require_open()
        with self._ctx:
            warnings = self._session.open(request)
        self.path = request.path
        if not request.reload:
            self._options: dict[str, Any] = {
                "methods": request.methods,
                "bits": request.bits,
                "reference": request.reference,
            }
        return warnings

    @property
    def camera(self) -> Camera:
        """Camera; may be replaced or moved."""
        return self._session.camera

    @camera.setter
    def camera(self, camera: Camera) -> None:
        _checked_camera(camera)
        self._session.camera = camera

    @property
    def scene(self) -> Scene:
        """Open scene. Raises UsageError after `close`."""
        return self._document.scene

    def _require_open(self) -> None:
        if self._closed:
            raise UsageError("This viewer is closed; make another.")

    @property
    def _document(self) -> Document:
        self._require_open()
        document = self._session.require_document()
        for sentence in self._session.watch.news():
            warn(f"{sentence} Viewer.reload() opens it again.", FileChangedWarning)
        return document

    def reload(self) -> list[str]:
        """Open the files that have changed on disk again, with the same camera, settings and
        measurements; return warnings about parts not kept. Raises NtileError; the present files
        then stay."""
        self._require_open()
        self._session.watch.begin_reload()
        return self._show(self._session.require_document().again(reload=True))

    def set(self, **settings: Any) -> None:
        """Change settings by name: `exaggeration=2`, `overlay="slope"`, `contours=True`.

        A name is a field of one of `Settings`' groups, prefixed by the group if two groups share it
        (`shading_colormap`), or a group with a main field: overlay, shading, contours; `reach` and
        `overlay_colormap` apply to the present overlay. Raises UsageError.
        """
        for name, value in settings.items():
            named.put(self.settings, name, arguments.plain(value))

    def look(self, view: ViewSpec = None) -> Camera:
        """Move the camera to a view and return it; see `render`. Raises NtileError for an unknown
        view or an invalid size."""
        limits.check(self.size, limits.STRIPS)
        if view is None:
            self.camera = overview.whole_area(self.scene, self.size)
        elif isinstance(view, Camera):
            self.camera = Camera(**view.to_json())
        elif isinstance(view, dict):
            self.camera = path_file.read_camera(arguments.plain(view), "view")
        elif isinstance(view, str | os.PathLike):
            name = arguments.path("view", view)
            self.camera = bookmarks.find_view(name, self._document.reader.grid)
        else:
            remedy = "give a Camera or its values, a bookmark's name, or a .json file"
            arguments.refuse("view", view, remedy)
        return self.camera

    @property
    def bookmarks(self) -> bookmarks.Bookmarks:
        """Named views of the area: `.views`, `.add(camera, name)`, `.rename`, `.delete`."""
        return bookmarks.Bookmarks(self._document.reader.grid)

    def save_project(self, out: str | os.PathLike[str]) -> None:
        """Write a project file: files, slots, reference, camera and settings. Raises NtileError."""
        self._require_open()
        project.write(arguments.path("out", out), self._session.projects.gather())

    def open_project(self, path: str | os.PathLike[str]) -> list[str]:
        """Restore a project file; return warnings about parts not restored. Raises NtileError; the
        present file then stays."""
        return self._show_project(OpenRequest(arguments.path("path", path)))

    def _show_project(self, given: OpenRequest) -> list[str]:
        """Show the project that a request names as its file, with the request's other values."""
        self._require_open()
        opened = project.read(given.path)
        self._session.navigation.size_px = self.size
        request = replace(
            given,
            path=opened.files[0],
            reference=given.reference or opened.reference,
            project=opened,
            project_path=given.path,
            check_overlay=False,
        )
        return self._show(request)

    # Pictures

    def render(self, size: tuple[int, int] | None = None, *, decorate: bool = True) -> np.ndarray:
        """Render the picture with all tiles loaded, uint8 [height, width, 3]. Raises NtileError."""
        size = self.size if size is None else _size(size)
        decorate = arguments.flag("decorate", decorate)
        with self._drawing() as scene:
            return offscreen.draw(scene, self.camera, size, decorate=decorate)

    def save(
        self,
        out: str | os.PathLike[str],
        size: tuple[int, int] | None = None,
        *,
        decorate: bool = True,
    ) -> None:
        """Write the picture as PNG, strip by strip: 30 000 × 20 000 pixels need no more memory than
        a screen. Raises NtileError."""
        out = arguments.path("out", out)
        size = self.size if size is None else _size(size)
        decorate = arguments.flag("decorate", decorate)
        with self._drawing() as scene:
            write_strips(out, size, offscreen.strips(scene, self.camera, size, decorate=decorate))

    @contextmanager
    def _drawing(self) -> Iterator[Scene]:
        """Hold the context for the open scene, its settings and camera checked."""
        self._require_open()
        with self._ctx:
            self._require_open()  # another thread may have closed it meanwhile
            named.check(self.settings)
            _checked_camera(self.camera)
            yield self._document.scene
        for sentence in fonts.take_missing():
            warnings.warn(sentence, stacklevel=4)

    def _repr_png_(self) -> bytes:
        """Return the picture for a notebook, as PNG."""
        return png_bytes(self.render())

    # Films

    def path_of(self, path: PathSpec, duration_s: float | None = None) -> CameraPath:
        """Return a generator's path for this area, or a path file's. Raises NtileError, also for a
        file of another coordinate system."""
        if duration_s is not None:
            duration_s = arguments.number("duration_s", duration_s, *DURATION_S)
        if isinstance(path, str) and path in GENERATORS:
            return generated(self.scene, path, self.size, duration_s)
        if not isinstance(path, CameraPath):
            file = arguments.path("path", path)
            path = path_file.read_path(file)
            path_file.check_crs(path, self._document.reader.grid.crs_wkt, file, self.path)
        return retimed(path, duration_s) if duration_s else path

    def film(
        self,
        path: PathSpec,
        out: str | os.PathLike[str],
        *,
        fps: float | None = None,
        duration_s: float | None = None,
        resume: bool = False,
        progress: Report | None = None,
    ) -> int:
        """Render a camera path to an .mp4 file or a folder of PNG frames.

        Parameters
        ----------
        path
            Camera path, generator's name ("tour", "orbit") or path file.
        out
            Name of an .mp4 file, or a folder.
        fps
            Frames per second; None: the path's.
        duration_s
            Duration to stretch the path to, seconds; None: the path's.
        resume
            Keep the frames that a folder has.
        progress
            Called with the number of pictures done and in all.

        Returns
        -------
        int
            Number of pictures.
        """
        out = arguments.path("out", out)
        resume = arguments.flag("resume", resume)
        if progress is not None:
            arguments.function("progress", progress)
        film = self._film_of(path, fps, duration_s)
        about = record.about(self.path, self._options, self.settings, film, self.scene)
        with self._drawing() as scene:
            target = output.open_output(out, film.size_px, film.rate, about, resume=resume)
            return record.record(scene, film, target, progress)

    def _film_of(self, path: PathSpec, fps: float | None, duration_s: float | None) -> record.Film:
        self._require_open()
        if fps is not None:
            fps = arguments.number("fps", fps, *path_file.LIMITS["fps"])
        return record.Film(self.path_of(path, duration_s), self.size, fps)

    def frames(
        self, path: PathSpec, *, fps: float | None = None, duration_s: float | None = None
    ) -> Iterator[np.ndarray]:
        """Yield the pictures of a film one after another, uint8 [height, width, 3]."""
        return self._frames(self._film_of(path, fps, duration_s))

    def _frames(self, film: record.Film) -> Iterator[np.ndarray]:
        pictures = record.pictures(self.scene, film)
        try:
            while True:
                with self._drawing():
                    picture = next(pictures, None)
                if picture is None:
                    return
                yield picture
        finally:
            if not (self._closed or gl.is_forked()):
                with self._ctx:
                    pictures.close()  # frees its framebuffer

    # Numbers

    def pick(self, x_px: float, y_px: float) -> Pick | None:
        """Return the surface under a pixel, x right and y down from the top left; None off the
        terrain."""
        x_px = arguments.number("x_px", x_px)
        y_px = arguments.number("y_px", y_px)
        if max(abs(x_px), abs(y_px)) > limits.MAX_SIDE:
            return None
        with self._drawing() as scene:
            self._load(scene)
            return scene.pick(self.camera, x_px, y_px)

    @property
    def errors(self) -> ErrorStats | None:
        """Errors in view; None without an error overlay."""
        with self._drawing() as scene:
            self._load(scene)
            return scene.error_stats

    @property
    def stats(self) -> FrameStats:
        """Tile, triangle and byte counters of the picture."""
        with self._drawing() as scene:
            self._load(scene)
            return scene.stats

    @property
    def legend(self) -> legend.Legend | None:
        """Legend of the picture's colors."""
        with self._drawing() as scene:
            self._load(scene)
            return legend.for_scene(scene)

    def profile(self, points: Sequence[Sequence[float]], *, show: bool = False) -> Profile:
        """Return heights of A, B and the reference along a line of (easting, northing) points, from
        the continuous surface.

        `show` adds the line to pictures.
        """
        from viewer import measuring

        self._require_open()
        line = arguments.pairs("points", points, MEASURED)
        show = arguments.flag("show", show)
        profile = measuring.profile_on(self._terrain(), line)
        if show:
            self.settings.measuring.profile = line
        return profile

    def measure(
        self, kind: str, points: Sequence[Sequence[float]], *, show: bool = False
    ) -> MeasurementResult:
        """Measure a "point", a "distance" or an "area" given by (easting, northing) points.

        `show` adds it to pictures, with its number.
        """
        from viewer import measuring

        self._require_open()
        kind = arguments.text("kind", kind, MEASUREMENT_KINDS)
        shape = arguments.pairs("points", points, MEASURED)
        show = arguments.flag("show", show)
        result = measuring.measure_on(self._terrain(), kind, shape)
        if show:
            self.settings.measuring.items.append(Measurement(kind, shape))
        return result

    def _terrain(self) -> Terrain:
        """Return the surfaces of the slots and the reference, those of pictures. Raises
        NtileError for a layer that cannot be read."""
        from viewer.measuring.terrain import of_scene

        scene = self.scene
        terrain = of_scene(scene)
        for slot, choice in self.settings.slots.items():
            if slot not in terrain.slots:
                why = scene.problem(choice.index, choice.file)
                raise NtileError(why or f"{self.path}: the layer in slot {slot} cannot be read.")
        return terrain

    def _load(self, scene: Scene) -> None:
        with offscreen.offline_quality(scene):
            offscreen.load(scene, self.camera, self.size)

    # Life

    def close(self) -> None:
        """Free its resources; the OpenGL context stays for the next viewer.

        In a forked child they are the parent's, and stay.
        """
        if not self._closed:
            self._closed = True
            _open_viewers.discard(self)
            if not gl.is_forked():
                with self._ctx:
                    self._session.close()

    def __del__(self) -> None:
        if self._closed or gl.is_forked():
            return
        message = f"{self!r} was not closed; close it, or use it in a `with` block."
        self._closed = True
        # no `with`: the thread in which garbage is collected may be one that a picture waits for
        self._ctx.run_soon(self._session.close)
        warnings.warn(message, ResourceWarning, source=self, stacklevel=2)

    def __reduce__(self) -> NoReturn:
        raise UsageError(
            "A Viewer cannot be copied or sent to another process; send the file's path, and make "
            "one there."
        )

    def __enter__(self) -> Viewer:
        self._require_open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{self.size[0]}×{self.size[1]} pixels"
        return f"<Viewer {Path(self.path).name}, {state}>"


def _close_all() -> None:
    """Close the viewers that are open when the program ends, before its threads do."""
    for viewer in list(_open_viewers):
        with suppress(Exception):
            viewer.close()


atexit.register(_close_all)


def _size(size: Any) -> tuple[int, int]:
    """Return a size of two whole numbers. Raises UsageError."""
    sides = arguments.plain(size)
    if not isinstance(sides, list | tuple) or len(sides) != 2:
        arguments.refuse("size", size, SIZED)
    try:
        width, height = (arguments.whole("size", side) for side in sides)
    except UsageError:
        arguments.refuse("size", size, SIZED)
    return width, height


def _several(name: str, value: Any) -> list[Any]:
    return (
        [] if value is None else arguments.several(name, value, "give one, or a pair for A and B")
    )


def _checked_camera(camera: Any) -> None:
    """Make a camera's values plain numbers. Raises NtileError for no camera, or one that cannot be
    drawn with."""
    if not isinstance(camera, Camera):
        arguments.refuse("camera", camera, "give a Camera; `look` takes other views")
    values = vars(path_file.read_camera(arguments.plain(vars(camera))))
    vars(camera).update(values)


def context(gl_version: str = "auto") -> gl.SharedContext:
    """Return the process's OpenGL context for pictures without a window. Raises NtileError for an
    unknown version."""
    if not isinstance(gl_version, str) or gl_version not in gl.VERSIONS:
        raise UsageError(
            f"gl_version: there is no OpenGL version {arguments.shown(gl_version)} to choose; "
            f"there are {', '.join(gl.VERSIONS)}."
        )
    gl.check_process()
    with _making:
        if gl_version not in _contexts:
            _contexts[gl_version] = gl.SharedContext(gl_version)
        return _contexts[gl_version]
