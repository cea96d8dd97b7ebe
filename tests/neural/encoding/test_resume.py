"""An encode resumes with the raster and the options it began with, or says which of them
changed."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neural.cli import main
from neural.container.envelope import ChildInfo
from neural.container.staging import Stage, StagedTile, staged_bytes
from neural.encode import BATCH, EncodeOptions, encode
from neural.errors import DemError, NtileError, UsageError
from neural.raster.dem import open_dem
from neural.raster.facts import changes, file_facts
from neural.raster.reading import ReadOptions
from neural.system import output
from neural.tiles import tile_from_id
from tests.support.rasters import hills, vrt, write

REFERENCE = EncodeOptions(methods=(), reference_m=0.05)
TILES = {"tiled": True, "blockxsize": 256, "blockysize": 256}


class Killed(BaseException):
    """Stands for a kill: nothing of the program may handle it."""


def begin(source: Path, out: Path, options: EncodeOptions = REFERENCE, tiles: int = 8) -> None:
    """An encode that is killed when so many tiles are staged."""

    def report(done: int, total: int) -> None:
        if done >= tiles:
            raise Killed

    with pytest.raises(Killed):
        encode(source, out, options, report)


@pytest.fixture
def mosaic(tmp_path: Path) -> Path:
    """A VRT of a VRT of a TIFF with an external mask."""
    import rasterio

    samples = hills(700, 700)
    write(tmp_path / "u.tif", samples, **TILES)
    with rasterio.open(tmp_path / "u.tif", "r+") as raster:
        raster.write_mask(samples > 90)
    vrt(tmp_path / "inner.vrt", "u.tif", 700, 700)
    return vrt(tmp_path / "outer.vrt", "inner.vrt", 700, 700)


@pytest.fixture(autouse=True)
def external_masks() -> Iterator[None]:
    import rasterio

    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False):
        yield


def touch(path: Path) -> None:
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1))


def raise_terrain(path: Path) -> None:
    state = path.stat()
    write(path, hills(700, 700) + 1000, **TILES)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def add_nodata(path: Path) -> None:
    path.with_name(f"{path.name}.aux.xml").write_text(
        "<PAMDataset><PAMRasterBand "
        'band="1"><NoDataValue>100</NoDataValue></PAMRasterBand></PAMDataset>'
    )


def add_overviews(path: Path) -> None:
    path.with_name(f"{path.name}.ovr").write_bytes(b"means of another raster")


@pytest.mark.parametrize(
    ("change", "name", "said"),
    [
        (raise_terrain, "u.tif", "u.tif was changed (other contents)"),
        (touch, "u.tif", "u.tif was changed (written again since)"),
        (lambda path: path.write_bytes(path.read_bytes() + b" "), "u.tif", "u.tif was changed ("),
        (touch, "inner.vrt", "inner.vrt was changed"),
        (touch, "outer.vrt", "outer.vrt was changed"),
        (Path.unlink, "u.tif.msk", "u.tif.msk is no longer read"),
        (touch, "u.tif.msk", "u.tif.msk was changed"),
        (add_nodata, "u.tif", "u.tif.aux.xml was added"),
        (add_nodata, "outer.vrt", "outer.vrt.aux.xml was added"),
        (add_overviews, "u.tif", "u.tif.ovr was added"),
    ],
)
def test_whatever_the_samples_come_from_is_noticed(mosaic, tmp_path, capsys, change, name, said):
    out = tmp_path / "a.ntile"
    begin(mosaic, out)
    change(mosaic.with_name(name))
    with pytest.raises(SystemExit) as ended:
        main(["encode", str(mosaic), str(out), "--method", "reference", "--reference", "0.05"])
    text = capsys.readouterr().err
    assert (ended.value.code, said in text, "--restart" in text) == (2, True, True)
    assert len(text.splitlines()) == 1
    assert not out.exists()
    encode(mosaic, out, replace(REFERENCE, restart=True))
    assert not out.with_name("a.ntile.work").exists()


def test_what_does_not_touch_samples_is_none_of_it(mosaic, tmp_path):
    """GIS programs write statistics beside a raster when they show it, and overviews that an encode
    does not read."""
    encode(mosaic, tmp_path / "whole.ntile", REFERENCE)
    begin(mosaic, tmp_path / "a.ntile")
    mosaic.with_name("u.tif.aux.xml").write_text(
        '<PAMDataset><PAMRasterBand band="1"><Histograms><HistItem/></Histograms><Metadata>'
        '<MDI key="STATISTICS_MEAN">100</MDI></Metadata></PAMRasterBand></PAMDataset>'
    )
    add_overviews(mosaic)
    mosaic.with_name("u.txt").write_text("a note")
    encode(mosaic, tmp_path / "a.ntile", REFERENCE)
    assert (tmp_path / "a.ntile").read_bytes() == (tmp_path / "whole.ntile").read_bytes()


def test_an_untouched_source_resumes_from_wherever_it_is_named(mosaic, tmp_path, monkeypatch):
    encode(mosaic, tmp_path / "whole.ntile", REFERENCE)
    begin(mosaic, tmp_path / "a.ntile")
    monkeypatch.chdir(tmp_path)
    done: list[int] = []
    encode(Path("outer.vrt"), Path("a.ntile"), REFERENCE, lambda count, total: done.append(count))
    assert (tmp_path / "a.ntile").read_bytes() == (tmp_path / "whole.ntile").read_bytes()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"reference_m": 0.1}, "--reference was 0.05 and is 0.1"),
        ({"reading": ReadOptions(unit="ft")}, "--unit was not given and is ft"),
        ({"attribution": "us"}, "--attribution was not given and is us"),
        ({"methods": ("lapped_siren",)}, "--method was reference and is lapped_siren, reference"),
    ],
)
def test_the_option_that_changed_is_named(mosaic, tmp_path, options, said):
    begin(mosaic, tmp_path / "a.ntile")
    with pytest.raises(UsageError, match="--restart") as error:
        encode(mosaic, tmp_path / "a.ntile", replace(REFERENCE, **options))
    assert said in str(error.value)


def test_the_rate_may_change(tmp_path):
    """Staged coefficients of lapped_siren serve any rate."""
    source = write(tmp_path / "a.tif", hills(300, 300))
    begin(source, tmp_path / "a.ntile", EncodeOptions(quality=40), tiles=1)
    encode(source, tmp_path / "a.ntile", EncodeOptions(quality=30))
    encode(source, tmp_path / "b.ntile", EncodeOptions(quality=30))
    assert (tmp_path / "a.ntile").read_bytes() == (tmp_path / "b.ntile").read_bytes()


def test_what_a_band_says_is_part_of_it(tmp_path):
    """The same bytes, read otherwise: a PAM file is not all that can make it so."""
    facts = []
    for band in ({}, {"scales": 0.1}, {"offsets": 5.0}, {"units": "ft"}):
        source = write(tmp_path / "a.tif", hills(40, 50), band=band)
        with open_dem(source) as dem:
            facts.append(dem.facts())
    said = [changes({"raster": facts[0]}, {"raster": other}) for other in facts[1:]]
    assert said == [
        ["the raster's scale was 1.0 and is 0.1"],
        ["the raster's offset was 0.0 and is 5.0"],
        ["the raster's unit was not given and is ft"],
    ]
    for other in facts:
        assert json.loads(json.dumps(other)) == other


def test_work_of_another_version_is_not_resumed(tmp_path):
    import sqlite3

    with Stage.open(tmp_path / "a.ntile", {"files": {}}):
        pass
    with sqlite3.connect(tmp_path / "a.ntile.work") as database:
        database.execute("UPDATE job SET key = 'e3b0c44298fc1c149afbf4c8996fb924'")
    database.close()
    with pytest.raises(UsageError, match=r"another version.*--restart"):
        Stage.open(tmp_path / "a.ntile", {"files": {}})


def test_a_source_that_changes_while_it_is_read_makes_no_file(mosaic, tmp_path):
    out = tmp_path / "a.ntile"
    out.write_bytes(b"old")

    def report(done: int, total: int) -> None:
        if done == 8:
            raise_terrain(mosaic.with_name("u.tif"))

    with pytest.raises(
        DemError,
        match=r"outer\.vrt was changed while it was encoded: u\.tif was changed.*--restart",
    ):
        encode(mosaic, out, REFERENCE, report)
    assert out.read_bytes() == b"old"
    with pytest.raises(UsageError, match="--restart"):
        encode(mosaic, out, REFERENCE)


@pytest.mark.parametrize("archive", ["zip", "tar", "gz"])
def test_an_archive_counts_for_what_is_in_it(tmp_path, archive):
    write(tmp_path / "u.tif", hills(40, 50))
    if archive == "gz":
        import gzip

        (tmp_path / "u.gz").write_bytes(gzip.compress((tmp_path / "u.tif").read_bytes()))
        name = f"/vsigzip/{tmp_path}/u.gz"
    else:
        shutil.make_archive(str(tmp_path / "u"), archive, tmp_path, "u.tif")
        name = f"/vsi{archive}/{tmp_path}/u.{archive}/u.tif"
    facts = file_facts(name)
    assert list(facts) == [f"u.{archive}"]
    touch(tmp_path / f"u.{archive}")
    assert changes({"files": facts}, {"files": file_facts(name)}) == [
        f"u.{archive} was changed (written again since)"
    ]


def test_names_of_gdal_lead_to_their_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "u.tif", hills(40, 50))
    for name in ("GTIFF_DIR:1:u.tif", "vrt://u.tif?bands=1"):
        assert [Path(file).name for file in file_facts(name)] == ["u.tif"]
    assert file_facts("/vsicurl/https://example.invalid.") == {}


def test_a_mosaic_of_many_files_lists_them_all(tmp_path):
    import rasterio
    from rasterio.transform import Affine

    names = [f"{k}.tif" for k in range(30)]
    for k, name in enumerate(names):
        write(
            tmp_path / name,
            hills(8, 8),
            transform=tuple(Affine(1, 0, 500_000 + 8 * k, 0, -1, 4_000_000))[:6],
        )
    sources = "".join(
        "<SimpleSource><SourceFilename "
        f'relativeToVRT="1">{name}</SourceFilename><SourceBand>1</SourceBand>'
        f'<DstRect xOff="{8 * k}" yOff="0" xSize="8" ySize="8"/></SimpleSource>'
        for k, name in enumerate(names)
    )
    (tmp_path / "all.vrt").write_text(
        '<VRTDataset rasterXSize="240" '
        'rasterYSize="8"><GeoTransform>500000,1,0,4000000,0,-1</GeoTransform>'
        f'<VRTRasterBand dataType="Float32" band="1">{sources}</VRTRasterBand></VRTDataset>'
    )
    with rasterio.open(tmp_path / "all.vrt") as raster:
        listed = {os.path.basename(file) for file in raster.files}
    assert set(file_facts(tmp_path / "all.vrt")) == listed == {"all.vrt", *names}


Usage = namedtuple("Usage", "total used free")


@contextmanager
def free_bytes(monkeypatch: pytest.MonkeyPatch, find: Callable[[], float]) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(output.shutil, "disk_usage", lambda folder: Usage(1e15, 0, find()))
        yield


def test_staging_takes_what_is_said_before(tmp_path):
    """The work file and its log, measured on the disk, against the estimate: enough, and not much
    too much."""
    latents = os.urandom(4 * 256 * 256)
    none = (None,) * 4
    most = 0
    with Stage.open(tmp_path / "a.ntile", {}) as stage:
        for group in range(20):
            tiles = (tile_from_id(1365 + BATCH * group + k) for k in range(BATCH))
            stage.put_group(
                group,
                (StagedTile(0, t, 0, 1, none, ChildInfo(0, 1, 0), None, latents) for t in tiles),
            )
            most = max(most, sum(path.stat().st_size for path in tmp_path.iterdir()))
        assert stage.size_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    estimate = staged_bytes([len(latents)], 20 * BATCH, BATCH)
    assert 0.75 * estimate < most < estimate
    kept = (tmp_path / "a.ntile.work").stat().st_size
    assert kept < staged_bytes([len(latents)], 20 * BATCH, 0)
    assert 5.3 < kept / (20 * BATCH * 256 * 256) * 4 / 3 < 5.5  # bytes a sample, all levels


def test_a_disk_too_small_for_the_tiles_is_said_before(tmp_path, monkeypatch, capsys):
    source = write(tmp_path / "a.tif", hills(1200, 1200))
    out = tmp_path / "a.ntile"
    command = ["encode", str(source), str(out), "--method", "reference", "--reference", "0.05"]
    with free_bytes(monkeypatch, lambda: 12e6), pytest.raises(SystemExit) as ended:
        main(command)
    said = capsys.readouterr().err
    assert (ended.value.code, len(said.splitlines())) == (3, 1)
    assert re.search(r"about 2[23][.\d]* MB are needed and 12 MB are free", said)
    assert os.listdir(tmp_path) == ["a.tif"]
    with free_bytes(monkeypatch, lambda: 24e6):
        main(command)
    assert sorted(os.listdir(tmp_path)) == ["a.ntile", "a.tif"]


def test_what_the_work_file_holds_is_not_needed_again(tmp_path, monkeypatch):
    source = write(tmp_path / "a.tif", hills(1200, 1200))
    out = tmp_path / "a.ntile"
    begin(source, out, tiles=30)
    with free_bytes(monkeypatch, lambda: 15e6):
        encode(source, out, REFERENCE)
    assert out.exists()


def test_empty_tiles_need_no_room(tmp_path, monkeypatch):
    samples = np.full((2500, 2500), np.nan, np.float32)
    samples[:, :300] = hills(2500, 300)
    source = write(tmp_path / "a.tif", samples)
    with free_bytes(monkeypatch, lambda: 30e6):
        encode(source, tmp_path / "a.ntile", REFERENCE)
    with (
        pytest.raises(NtileError, match="are needed and 1 MB are free"),
        free_bytes(monkeypatch, lambda: 1e6),
    ):
        encode(source, tmp_path / "b.ntile", REFERENCE)
