"""Pictures stay what they are: see tests.support.goldens, which says how they are drawn again."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support import goldens
from viewer.graphics import gl

FILES = {"hills": "hills_file", "mountains": "mountain_file", "plains": "plains_file"}


@pytest.fixture
def llvmpipe(ctx):
    if "llvmpipe" not in ctx.info["GL_RENDERER"]:
        pytest.skip(f"goldens are drawn with llvmpipe; this is {gl.describe(ctx)}")
    return ctx


@pytest.mark.parametrize("name", goldens.CASES)
def test_pictures_are_the_golden_ones(llvmpipe, tmp_path, request, name):
    case = goldens.CASES[name]
    picture = goldens.draw(
        llvmpipe,
        case,
        request.getfixturevalue(FILES[case.area]),
    )
    golden = goldens.read(name)
    found = goldens.disagreement(picture, golden)
    if found:
        out = tmp_path / f"{name}.png"
        goldens.save_difference(out, picture, golden)
        pytest.fail(
            f"{name}: {found}; golden, picture and difference are in {out}. "
            f"If that is meant: python -m tests.support.goldens {name}"
        )


def test_goldens_are_small_and_none_is_left_over():
    files = list(goldens.FOLDER.glob("*.png"))
    assert {path.stem for path in files} == set(goldens.CASES)
    assert sum(path.stat().st_size for path in files) < 250_000


def test_unknown_names_say_which_there_are():
    with pytest.raises(SystemExit, match=r"of shaddows; there are default, .*tint"):
        goldens.main(["shadows", "shaddows"])


def test_a_changed_picture_is_noticed(llvmpipe, hills_file):
    picture = goldens.draw(llvmpipe, goldens.CASES["default"], hills_file)
    golden = goldens.read("default")
    assert goldens.disagreement(picture, golden) == ""
    assert "by more than" in goldens.disagreement(np.roll(picture, 2, axis=1), golden)
    for change, says in ((25, "by more than"), (2, "another level"), (-2, "another level")):
        changed = np.clip(picture.astype(int) + change, 0, 255).astype(np.uint8)
        assert says in goldens.disagreement(changed, golden)
