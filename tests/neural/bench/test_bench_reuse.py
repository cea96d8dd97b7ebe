"""Codecs' curves of an earlier benchmark are used where they would come out again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from neural.bench import reuse
from neural.bench.places import Place
from neural.errors import UsageError
from neural.raster.reading import ReadOptions

VERSIONS = {"terrain-viewer": "1", "numpy": "2", "torch": "3", "imagecodecs": "4"}
SETTINGS = {"jpeg": [(1, 2.0), (3, 4.0)], "png": [5]}
CURVES = {"jpeg": [{"bits_per_sample": 1.0}], "png": [{"bits_per_sample": 9.0}]}


def earlier(folder: Path, **changes: Any) -> Path:
    """Write the result of a benchmark of one file, and of one place that may change unseen."""
    result = {
        "options": {"codecs": SETTINGS},
        "versions": VERSIONS,
        "places": [
            {"file_sha256": "abc", "codecs": CURVES},
            {"file_sha256": None, "codecs": CURVES},
        ],
        **changes,
    }
    (folder / "bench.json").write_text(json.dumps(result))
    return folder


def codecs(folder: Path, names: tuple[str, ...] = ("jpeg", "png"), **versions: str) -> Any:
    return reuse.codecs(folder, VERSIONS | versions, SETTINGS.__getitem__, names)


def test_curves_of_the_same_settings_come_back(tmp_path: Path) -> None:
    assert codecs(earlier(tmp_path)) == {"abc": CURVES}
    assert codecs(tmp_path, ("png",)) == {"abc": {"png": CURVES["png"]}}


def test_codecs_swept_otherwise_or_not_at_all_are_left_out(tmp_path: Path) -> None:
    earlier(tmp_path, options={"codecs": {"jpeg": [(1, 2.5)]}})
    assert codecs(tmp_path) == {"abc": {}}


def test_other_versions_of_a_codec_are_refused(tmp_path: Path) -> None:
    earlier(tmp_path)
    assert codecs(tmp_path, torch="30", numpy="20") == {"abc": CURVES}  # they code nothing
    with pytest.raises(UsageError, match="imagecodecs was 4 then; measure anew"):
        codecs(tmp_path, imagecodecs="5")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"options": {"codecs": {}}, "versions": 3}'])
def test_what_is_no_result_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "bench.json").write_text(text)
    with pytest.raises(UsageError, match=r"bench\.json is no result of `ntile bench`"):
        codecs(tmp_path)
    with pytest.raises(UsageError, match="is no result"):
        codecs(tmp_path / "absent")


def test_a_digest_is_of_the_file_and_how_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"heights")
    plain = hashlib.sha256(b"heights").hexdigest()
    assert reuse.digest(Place("a", str(path))) == plain
    assert reuse.digest(Place("b", str(path), ReadOptions(unit="ft"))) == plain
    encoded = reuse.digest(Place("a", str(path), ReadOptions(encoding="terrarium")))
    inner = reuse.digest(Place("a", f"GTIFF_DIR:1:{path}"))
    assert len({plain, encoded, inner}) == 3
    assert reuse.digest(Place("a", "/vsicurl/https://example.invalid/a.tif")) is None
