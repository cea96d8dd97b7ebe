"""The shape of the project: what imports what, what is named after what, which files there are."""

import ast
import fnmatch
import functools
import os
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from neural.methods import METHODS

ROOT = Path(__file__).resolve().parent.parent
TOP_LEVEL = {
    *("README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", "dev"),
    *("viewer", "neural", "shaders", "assets", "tests"),
    *(".ci", ".docs", ".github", ".gitignore"),
}
SOURCE = {".py", ".glsl", ".vert", ".frag", ".comp", ".sh", ".md", ""}
SHADERS = {".glsl", ".vert", ".frag", ".comp"}
MAX_LINES = 400
MAX_STATEMENTS = 330
MEDIAN_STATEMENTS = 80


def project_files() -> list[Path]:
    """Files that git tracks, relative to the root; without git, every file that .gitignore lets
    through."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        listing = subprocess.check_output(["git", "-C", ROOT, "ls-files", "-z"], text=True)
        return [Path(name) for name in listing.split("\0") if (ROOT / name).is_file()]
    ignored = [
        line.strip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    ]
    found = []
    for folder, subfolders, names in os.walk(ROOT):
        here = Path(folder).relative_to(ROOT)

        def kept(name: str, here: Path = here) -> bool:
            path = str(here / name)
            return not any(
                fnmatch.fnmatch(name, p) or fnmatch.fnmatch(path, p) for p in [*ignored, ".git"]
            )

        subfolders[:] = filter(kept, subfolders)
        found += [here / name for name in names if kept(name)]
    return found


@pytest.fixture(scope="module")
def files() -> list[Path]:
    """The project's files; an empty or foreign list would let every check below pass."""
    found = project_files()
    assert {Path("pyproject.toml"), Path("tests/test_layering.py")} <= set(found)
    return found


def imported_with(statement: str) -> set[str]:
    """Top-level packages in sys.modules after a statement ran in a fresh interpreter."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return {name.partition(".")[0] for name in run.stdout.splitlines()[-1].split()}


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        (
            "import neural, neural.methods, neural.container.reader, neural.surface.tile_surface",
            {"torch", "rasterio", "click"},
        ),
        ("import neural.cli", {"torch", "rasterio"}),
        ("import viewer.__main__", {"torch", "rasterio"}),
        ("import viewer.app", {"torch", "rasterio"}),
        ("import viewer.session.open_scene", {"torch", "rasterio", "imgui_bundle"}),
        ("import shaders", {"torch", "neural", "viewer"}),
    ],
)
def test_imports_stay_light(statement: str, heavy: set[str]) -> None:
    assert imported_with(statement) & heavy == set()


ROOMS = {
    "neural": (
        *("errors", "tiles", "grid", "progress", "system", "raster", "methods", "container"),
        *("surface", "measure", "encoding", "models", "verbs", "bench", "cli"),
    ),
    "viewer": (
        *("model", "storage", "tiles", "graphics", "scene", "measuring", "pictures", "film"),
        *("session", "gui", "panels", "cli", "api", "app", "__main__"),
    ),
}
"""Rooms of each package, lowest first: a module imports modules of its own room and lower ones."""

VERBS = {"encode", "decode", "evaluate", "train"}
"""Modules of neural that make up its room "verbs"."""

FACES = {"gui", "panels", "cli", "api"}
"""Rooms of the viewer that do not import one another; gui and panels are one face."""

SHARED = {*ROOMS["neural"][: ROOMS["neural"].index("measure") + 1], ""}
"""Rooms of neural that the viewer imports."""

PACKAGES = ("neural", "viewer")
"""Packages whose order of rooms is complete."""

LIBRARIES: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "torch": (
        ("neural/models/",),
        {"neural/train.py", "neural/encode.py", "neural/bench/specialize.py"},
    ),
    "moderngl": (
        ("viewer/graphics/", "viewer/gui/"),
        {"viewer/scene/scene.py", "viewer/session/session.py", "viewer/app.py"},
    ),
    "imgui_bundle": (
        ("viewer/gui/", "viewer/panels/"),
        {"viewer/pictures/lettering.py"},
    ),
    "glfw": (("viewer/gui/",), set()),
}
"""Folders whose modules may import a library, and the other modules that do."""


def room(module: str) -> str:
    """Return the room of a module; "" for a package itself."""
    package, _, rest = module.partition(".")
    name = rest.partition(".")[0]
    return "verbs" if package == "neural" and name in VERBS else name


@functools.cache
def nodes(path: Path) -> list[ast.AST]:
    """Return all syntax nodes of a Python file."""
    return list(ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))))


def imported_names(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (module, name) of all imports of a file, those for types and in functions included."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


@pytest.fixture(scope="module")
def imports(files: list[Path]) -> dict[str, set[str]]:
    """Modules of the project that each of its modules imports."""
    paths = {
        ".".join(path.with_suffix("").parts).removesuffix(".__init__"): path
        for path in files
        if path.suffix == ".py"
    }
    graph: dict[str, set[str]] = {module: set() for module in paths}
    for module, path in paths.items():
        for source, name in imported_names(path):
            target = f"{source}.{name}" if f"{source}.{name}" in paths else source
            if target in paths and target != module:
                graph[module].add(target)
    return graph


def in_package(module: str, package: str) -> bool:
    """Return True if a module is the package or lies in it."""
    return f"{module}.".startswith(f"{package}.")


@pytest.mark.parametrize("package", PACKAGES)
def test_rooms_import_lower_rooms(package: str, imports: dict[str, set[str]]) -> None:
    rank = {name: number for number, name in enumerate(ROOMS[package])}
    wrong = []
    for module, targets in imports.items():
        for target in targets:
            pair = {room(module), room(target)}
            if not (in_package(module, package) and in_package(target, package)) or "" in pair:
                continue
            apart = len(pair) == 2 and pair <= FACES and pair != {"gui", "panels"}
            upward = rank[room(target)] > rank[room(module)] and pair != {"gui", "panels"}
            if apart or upward:
                wrong.append(f"{module} imports {target}")
    assert wrong == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_files_import_in_a_circle(package: str, imports: dict[str, set[str]]) -> None:
    graph = {
        module: {target for target in targets if in_package(target, package)}
        for module, targets in imports.items()
        if in_package(module, package)
    }
    assert graph
    while leaves := {module for module, targets in graph.items() if not targets}:
        graph = {
            module: targets - leaves for module, targets in graph.items() if module not in leaves
        }
    assert sorted(graph) == []  # files in a circle, and those that import them


def test_packages_import_lower_packages(imports: dict[str, set[str]]) -> None:
    lower = {"assets": set(), "shaders": set(), "neural": {"assets"}}
    for module, targets in imports.items():
        package = module.partition(".")[0]
        allowed = lower.get(package)
        others = {target.partition(".")[0] for target in targets} - {package}
        assert allowed is None or others <= allowed, module


def test_viewer_imports_the_shared_rooms_of_neural(imports: dict[str, set[str]]) -> None:
    assert not {
        f"{module} imports {target}"
        for module, targets in imports.items()
        for target in targets
        if in_package(module, "viewer")
        and in_package(target, "neural")
        and room(target) not in SHARED
    }


def users(files: list[Path], library: str) -> set[str]:
    """Return the modules of neural and viewer that import a library."""
    return {
        path.as_posix()
        for path in files
        if path.suffix == ".py"
        and path.parts[0] in ROOMS
        and any(source.partition(".")[0] == library for source, _ in imported_names(path))
    }


@pytest.mark.parametrize("library", LIBRARIES)
def test_libraries_stay_in_their_rooms(files: list[Path], library: str) -> None:
    folders, modules = LIBRARIES[library]
    assert {path for path in users(files, library) if not path.startswith(folders)} == modules


def test_methods_are_spelled_once() -> None:
    # imports torch, which the cheap tests above do without
    from neural.models import MODELS, PRESETS

    assert {name: method.name for name, method in METHODS.items()} == {
        name: name for name in METHODS
    }
    # the last two are made of an area itself
    assert set(METHODS) == set(PRESETS) | {"reference", "acorn"}
    assert set(PRESETS) == set(MODELS) | {"lapped_siren"}
    assert not {"reference", "lapped_siren"} & set(MODELS)
    assert {path.stem for path in (ROOT / "shaders/decode").glob("*.glsl")} == set(METHODS)


def test_names_of_test_files_are_unique(files: list[Path]) -> None:
    """pytest collects only one of two files of one name."""
    names = [path.name for path in files if path.match("test_*.py")]
    assert len(names) > 100
    assert sorted(names) == sorted(set(names))


def test_top_level_is_fixed(files: list[Path]) -> None:
    assert {path.parts[0] for path in files} == TOP_LEVEL


def statements(path: Path) -> int:
    """Statements of a module, docstrings not counted."""
    docs = sum(isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant) for n in nodes(path))
    return sum(isinstance(node, ast.stmt) for node in nodes(path)) - docs


def test_files_are_small(files: list[Path]) -> None:
    modules = {str(path): statements(path) for path in files if path.suffix == ".py"}
    assert {path: n for path, n in modules.items() if n > MAX_STATEMENTS} == {}
    assert statistics.median(modules.values()) <= MEDIAN_STATEMENTS
    others = {
        str(path): len((ROOT / path).read_text(encoding="utf-8").splitlines())
        for path in files
        if path.suffix in SOURCE - {".py"} and path.name != "LICENSE"
    }
    assert {path: n for path, n in others.items() if n > MAX_LINES} == {}


def test_no_file_names_this_machine(files: list[Path]) -> None:
    """Paths of one computer and package-index addresses: in no tracked file, text or binary."""
    # Raw bytes: the metadata of weights and pictures counts too, and so many letters never match by
    # chance.
    host_path = re.compile(rb"(?<!\w)/(?:home|root|work|opt|mnt|tmp|Users)/\w|index-url|find-links")
    told = {
        f"{path}: {match[0].decode()}"
        for path in files
        if path != Path("tests/test_layering.py")
        for match in host_path.finditer((ROOT / path).read_bytes())
    }
    assert told == set()


def test_texts_name_things(files: list[Path]) -> None:
    """No docstring, comment or shader's comment begins with a clause in place of a noun or a
    verb."""
    clause = re.compile(r'(?:"""|#|//)\s*(?:What|Whether|Who)\b')
    for path in files:
        if path.suffix in {".py", *SHADERS}:
            for number, line in enumerate(
                (ROOT / path).read_text(encoding="utf-8").splitlines(), 1
            ):
                assert not clause.match(line.lstrip()), f"{path}:{number}: {line.strip()}"
