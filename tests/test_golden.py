"""Pictures stay what they are: see tests.goldens, which says how they are drawn again."""

from __future__ import annotations

import numpy as np
import pytest

from tests import goldens
from viewer.draw import gl


@pytest.fixture
def llvmpipe(ctx):
    if "llvmpipe" not in ctx.info["GL_RENDERER"]:
        pytest.skip(f"goldens are drawn with llvmpipe; this is {gl.describe(ctx)}")
    return ctx


@pytest.mark.parametrize("name", goldens.CASES)
def test_pictures_are_the_golden_ones(llvmpipe, tmp_path, request, name):
    case = goldens.CASES[name]
    picture = goldens.draw(
        llvmpipe, case, request.getfixturevalue({"mountains": "mountain_file"}.get(case.area, "hills_file"))
    )
    golden = goldens.read(name)
    share = goldens.odd(picture, golden).mean()
    if share > goldens.ODD_SHARE:
        out = tmp_path / f"{name}.png"
        goldens.save_difference(out, picture, golden)
        pytest.fail(
            f"{name}: {100 * share:.2f} % of the pixels differ by more than {goldens.ODD_LEVELS}; golden, picture and "
            f"difference are in {out}. If that is meant: python -m tests.goldens {name}"
        )


def test_goldens_are_small_and_none_is_left_over():
    files = list(goldens.FOLDER.glob("*.png"))
    assert {path.stem for path in files} == set(goldens.CASES)
    assert sum(path.stat().st_size for path in files) < 150_000


def test_a_changed_picture_is_noticed():
    golden = goldens.read("default")
    assert not goldens.odd(golden, golden).any()
    moved = np.roll(golden, 2, axis=1)
    assert goldens.odd(moved, golden).mean() > goldens.ODD_SHARE
    brighter = np.clip(golden.astype(int) + 25, 0, 255).astype(np.uint8)
    assert goldens.odd(brighter, golden).mean() > 0.9
    # What goldens lose by their few levels is no change.
    step = 255 / (goldens.LEVELS - 1) / 2
    assert not goldens.odd(golden + np.random.default_rng(0).uniform(-step, step, golden.shape), golden).any()
