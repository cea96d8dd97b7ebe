"""The shape of the project: what imports what, what is named after what, which files there are."""

import ast
import fnmatch
import os
import re
import shutil
import statistics
import subprocess
import sys
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
MAX_STATEMENTS = 320
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


def test_neural_does_not_import_viewer(files: list[Path]) -> None:
    backwards = re.compile(r"^\s*(from|import) (viewer|tests)\b", re.MULTILINE)
    modules = [
        path for path in files if path.parts[0] in ("neural", "shaders") and path.suffix == ".py"
    ]
    assert modules
    assert not [
        path for path in modules if backwards.search((ROOT / path).read_text(encoding="utf-8"))
    ]


def test_methods_are_spelled_once() -> None:
    # imports torch, which the cheap tests above do without
    from neural.models import MODELS, PRESETS

    assert {name: method.name for name, method in METHODS.items()} == {
        name: name for name in METHODS
    }
    assert set(METHODS) == set(PRESETS) | {"reference"}
    assert set(PRESETS) == set(MODELS) | {"lapped_siren"}
    assert not {"reference", "lapped_siren"} & set(MODELS)
    assert {path.stem for path in (ROOT / "shaders/decode").glob("*.glsl")} == set(METHODS)


def test_top_level_is_fixed(files: list[Path]) -> None:
    assert {path.parts[0] for path in files} == TOP_LEVEL


def statements(path: Path) -> int:
    """Statements of a module, docstrings not counted."""
    nodes = list(ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))))
    docs = sum(isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant) for n in nodes)
    return sum(isinstance(node, ast.stmt) for node in nodes) - docs


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
