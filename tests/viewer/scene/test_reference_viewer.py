"""A reference raster in the viewer: read as the file's source was, or as options say; kept in
projects."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import viewer
from neural.container.reader import open_reader
from neural.errors import NtileError, UsageError
from neural.raster.reading import ReadOptions, ReferenceRaster
from tests.support.rasters import UTM, encode, hills, north_up, write
from viewer import measuring
from viewer.cli import reference_options
from viewer.storage import project
from viewer.storage.project import Project
from viewer.tiles.reference import DemReference

FT = np.float32(1 / 0.3048)


def test_the_viewer_measures_against_the_source_as_it_was_read(tmp_path: Path) -> None:
    dem = write(tmp_path / "feet.tif", FT * hills(90, 120), crs=None)
    file = encode(dem, "--unit", "ft", "--crs", UTM)
    place = [[500_060.5, 3_999_955.5]]
    assert hills(90, 120)[44, 60] == pytest.approx(
        measuring.sample(file, place, reference=dem)["reference"][0], abs=1e-3
    )
    in_meters = viewer.ReferenceRaster(str(dem), viewer.ReadOptions(unit="m"))
    assert measuring.sample(file, place, reference=in_meters)["reference"][0] == pytest.approx(
        FT * hills(90, 120)[44, 60], abs=1e-2
    )


def test_the_viewer_names_its_own_options(tmp_path: Path) -> None:
    far = write(tmp_path / "far.tif", hills(60, 80), transform=north_up(900_000, 4_000_000))
    with open_reader(encode(write(tmp_path / "dem.tif", hills(60, 80)))) as reader:
        with pytest.raises(
            UsageError, match=r"far\.tif lies outside .* with --reference-src-crs\.$"
        ):
            DemReference(far, reader)
        part = write(
            tmp_path / "part.tif", hills(60, 80)[30:], transform=north_up(500_000, 3_999_970)
        )
        reference = DemReference(part, reader)
        assert reference.remarks == (f"{part} covers 50 % of the area of {reader.path}.",)
        reference.close()


def test_projects_keep_how_the_raster_is_read(tmp_path: Path) -> None:
    dem = write(tmp_path / "dem.tif", hills(60, 80))
    file = encode(dem)
    raster = ReferenceRaster(str(dem), ReadOptions(unit="ft", nodata=(0.0, math.inf)))
    path = tmp_path / "a.tvproj.json"
    project.write(path, project.Project([str(file)], reference=raster))
    values = json.loads(path.read_text())
    assert values["reference"] == "dem.tif"
    assert values["reference_reading"] == {"unit": "ft", "nodata": [0.0, "inf"]}
    assert project.read(path).reference == raster
    path.write_text(json.dumps(values | {"reference_reading": {"unit": 3}}))
    opened = project.read(path)
    assert opened.reference == ReferenceRaster(str(dem))
    assert opened.warnings == [
        "a.tvproj.json: not understood and left as it was: reference_reading."
    ]
    project.write(path, project.Project([str(file)], reference=ReferenceRaster(str(dem))))
    assert "reference_reading" not in json.loads(path.read_text())


def test_the_command_says_how_a_reference_is_read(tmp_path: Path) -> None:
    asked = {
        "reference": "dem.tif",
        "reference_unit": "ft",
        "reference_src_crs": UTM,
        "reference_nodata": (0.0,),
        "reference_encoding": None,
    }
    reading = ReadOptions(src_crs=UTM, unit="ft", nodata=(0.0,))
    assert reference_options.take(dict(asked), None) == ReferenceRaster("dem.tif", reading)
    alone = asked | {"reference": None}
    opened = Project(["a.ntile"], reference=ReferenceRaster("other.tif"))
    assert reference_options.take(dict(alone), opened) == ReferenceRaster("other.tif", reading)
    with pytest.raises(UsageError, match="--reference-src-crs says how a raster is read"):
        reference_options.take(dict(alone), None)


def test_a_picture_without_reference_heights_says_so(tmp_path: Path, ctx: Any) -> None:
    file = encode(write(tmp_path / "dem.tif", hills(60, 80)))
    empty = write(tmp_path / "empty.tif", np.full((60, 80), -9999, np.float32), nodata=-9999)
    with viewer.Viewer(file, reference=empty, overlay="error", size=(96, 64)) as shown:
        assert shown.errors is None
        legend = shown.legend
        assert legend is not None
        assert (legend.table, legend.note) == (
            None,
            "decoded − empty.tif: no reference heights in view",
        )
    far = write(tmp_path / "far.tif", hills(60, 80), transform=north_up(900_000, 4_000_000))
    with pytest.raises(NtileError, match="lies outside the area"):
        viewer.render(file, reference=far, overlay="error", size=(96, 64))
