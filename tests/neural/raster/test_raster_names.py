"""Rasters by every name that GDAL has for them: the same heights as of the plain file, wherever a
raster is named."""

import gzip
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest

from neural.bench.places import find_places
from neural.cli import main
from neural.encode import EncodeOptions, encode
from neural.errors import DemError, UsageError
from neural.raster import raster_name
from neural.raster.dem import open_dem
from neural.raster.reading import ReadOptions, ReferenceRaster
from tests.support.file_server import serving
from tests.support.rasters import hills, write
from viewer.session import file_kinds
from viewer.storage import project
from viewer.storage.project import Project

SAMPLES = hills(60, 80)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raster as a file and inside others."""
    import rasterio
    import rasterio.shutil

    folder = tmp_path_factory.mktemp("names")
    plain = write(folder / "dem.tif", SAMPLES)
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.write(plain, "sub/dem.tif")
        archive.write(write(folder / "other.tif", SAMPLES + 100), "other.tif")
    (folder / "dem.tif.gz").write_bytes(gzip.compress(plain.read_bytes()))
    rasterio.shutil.copy(plain, folder / "z.nc", driver="netCDF", FORMAT="NC4")
    with rasterio.open(plain) as source:
        profile = source.profile
    for more, samples in (({}, SAMPLES + 1), ({"APPEND_SUBDATASET": "YES"}, SAMPLES)):
        with rasterio.open(folder / "many.tif", "w", **profile, **more) as file:
            file.write(samples, 1)
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with serving(folder) as address:
        yield address


LOCAL = {
    "vsizip": "/vsizip/{folder}/a.zip/sub/dem.tif",
    "vsizip with braces": "/vsizip/{{{folder}/a.zip}}/sub/dem.tif",
    "zip": "zip://{folder}/a.zip!sub/dem.tif",
    "zip+file": "zip+file://{folder}/a.zip!sub/dem.tif",
    "vsigzip": "/vsigzip/{folder}/dem.tif.gz",
    "netcdf": 'NETCDF:"{folder}/z.nc":Band1',
    "hdf5": 'HDF5:"{folder}/z.nc"://Band1',
    "directory": "GTIFF_DIR:2:{folder}/many.tif",
    "file": "file://{folder}/dem.tif",
}
REMOTE = {
    "vsicurl": "/vsicurl/{address}/dem.tif",
    "vsicurl with options": "/vsicurl?max_retry=1&url={quoted}%2Fdem.tif",
    "http": "{address}/dem.tif",
    "zip+http": "zip+{address}/a.zip!sub/dem.tif",
    "vsizip over vsicurl": "/vsizip//vsicurl/{address}/a.zip/sub/dem.tif",
}


def needs(driver: str) -> None:
    import rasterio

    with rasterio.Env() as env:
        if driver not in env.drivers():
            pytest.skip(f"this GDAL has no {driver} driver")


def check(name: str) -> None:
    unplaced = name.startswith("HDF5")  # that driver knows nothing of netCDF's coordinates
    with open_dem(name, ReadOptions(crs="local" if unplaced else None)) as dem:
        heights, valid = dem.read(0, 0, *SAMPLES.shape)
        assert valid.all()
        np.testing.assert_array_equal(heights, SAMPLES[:: -1 if unplaced else 1])
        assert dem.source["name"] == raster_name.label(name)


@pytest.mark.parametrize("pattern", LOCAL.values(), ids=LOCAL)
def test_names_of_files(folder: Path, pattern: str) -> None:
    name = pattern.format(folder=folder)
    if name.startswith(("NETCDF", "HDF5")):
        needs("netCDF" if name.startswith("NETCDF") else "HDF5")
    check(name)
    assert not raster_name.is_path(name)
    assert Path(raster_name.local_file(name) or "").parent == folder


@pytest.mark.parametrize("pattern", REMOTE.values(), ids=REMOTE)
def test_names_of_addresses(address: str, pattern: str) -> None:
    name = pattern.format(address=address, quoted=quote(address, safe=""))
    check(name)
    assert raster_name.label(name) == "dem.tif"
    assert raster_name.local_file(name) is None


def test_labels_are_short_and_hold_no_secrets() -> None:
    for name, label in (
        ("/data/dem.tif", "dem.tif"),
        ("dem: old.tif", "dem: old.tif"),
        ("https://x.org/a/dem.tif?token=secret", "dem.tif"),
        ("/vsicurl?header=Auth%3Asecret&url=https%3A%2F%2Fx.org%2Fdem.tif", "dem.tif"),
        ("/vsis3/bucket/dem.tif", "dem.tif"),
        ('NETCDF:"/data/z.nc":height', "z.nc:height"),
        ("zip+https://x.org/a.zip!dem.tif", "dem.tif"),
        ("WCS:https://x.org/wcs?coverage=dem", "wcs"),
        ("<VRTDataset/>", "inline raster"),
    ):
        assert raster_name.label(name) == label


def test_files_with_odd_names_are_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("NETCDF:odd.tif", "a b#1?.tif", "zip+x.tif"):
        write(tmp_path / name, SAMPLES)
        assert raster_name.is_path(name)
        assert raster_name.label(name) == name
        check(name)
    for name in ("gone.tif", "sub/x:y.tif", "C:\\dem.tif"):
        assert raster_name.is_path(name)


@pytest.mark.parametrize(
    "pattern",
    [
        "/vsizip/{folder}/a.zip/none.tif",
        "zip://{folder}/none.zip!dem.tif",
        "GTIFF_DIR:9:{folder}/many.tif",
        "/vsicurl/{address}/none.tif",
        "WHAT:ever",
    ],
)
def test_a_name_that_leads_nowhere_is_one_sentence(
    folder: Path, address: str, pattern: str
) -> None:
    name = pattern.format(folder=folder, address=address)
    with pytest.raises(DemError, match="cannot be opened by GDAL; check the name") as caught:
        open_dem(name)
    assert str(caught.value).startswith(name)
    assert "\n" not in str(caught.value)


def test_an_archive_is_said_to_be_one(folder: Path) -> None:
    with pytest.raises(
        DemError, match=r"is an archive; name the raster in it, such as /vsizip/.*/a\.zip/dem\.tif"
    ):
        open_dem(folder / "a.zip")


def test_encode_resumes_evaluates_and_refuses_to_overwrite_its_source(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"/vsizip/{folder}/a.zip/sub/dem.tif"
    out = tmp_path / "a.ntile"
    main(["encode", name, str(out), "--method", "reference", "--reference", "0.05"])
    main(["evaluate", str(out), "--reference", name, "--json"])
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["results"][0]["max_error_m"] <= 0.05
    main(["info", str(out), "--json"])
    info = capsys.readouterr().out
    assert '"name": "dem.tif"' in info
    copy = tmp_path / "copy.zip"
    copy.write_bytes((folder / "a.zip").read_bytes())
    with pytest.raises(UsageError, match="is the input itself"):
        encode(f"/vsizip/{copy}/sub/dem.tif", copy, EncodeOptions(methods=(), reference_m=0.05))


class _StoppedError(Exception):
    pass


def test_a_work_file_of_another_raster_in_the_archive_is_not_resumed(
    folder: Path, tmp_path: Path
) -> None:
    options = EncodeOptions(methods=(), reference_m=0.05)
    out = tmp_path / "a.ntile"

    def stop(done: int, total: int) -> None:
        raise _StoppedError

    with pytest.raises(_StoppedError):
        encode(f"/vsizip/{folder}/a.zip/sub/dem.tif", out, options, stop)
    with pytest.raises(UsageError, match="began otherwise"):
        encode(f"/vsizip/{folder}/a.zip/other.tif", out, options)
    encode(f"/vsizip/{folder}/a.zip/sub/dem.tif", out, options)
    assert out.exists()


def test_bench_takes_names(folder: Path, tmp_path: Path) -> None:
    name = f"/vsizip/{folder}/a.zip/sub/dem.tif"
    (tmp_path / "MANIFEST.csv").write_text(
        f"file,split,crs\n{name},val,EPSG:32611\nplain.tif,val,EPSG:32611\n"
    )
    write(tmp_path / "plain.tif", SAMPLES)
    places = find_places([name, str(tmp_path)], ("val",))
    assert [place.path for place in places] == [name, name, str(tmp_path / "plain.tif")]
    assert [place.name for place in places] == [name, name, "plain"]
    with pytest.raises(DemError, match="does not exist"):
        find_places([str(tmp_path / "gone.tif")], None)


def test_projects_keep_names_as_they_are(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.ntile").touch()
    kept = tmp_path / "kept" / "p.tvproj.json"
    kept.parent.mkdir()
    for name in (
        *(pattern.format(folder=folder) for pattern in LOCAL.values()),
        "zip+https://x.org/a.zip!dem.tif",
    ):
        project.write(kept, Project([str(tmp_path / "a.ntile")], reference=ReferenceRaster(name)))
        assert json.loads(kept.read_text())["reference"] == name
        read = project.read(kept)
        assert read.reference == ReferenceRaster(name)
        assert read.warnings == []
    raster = ReferenceRaster(str(folder / "dem.tif"))
    project.write(kept, Project([str(tmp_path / "a.ntile")], reference=raster))
    assert not Path(json.loads(kept.read_text())["reference"]).is_absolute()
    assert project.read(kept).reference == raster


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("https://x.org/area.ntile", "terrain"),
        ("s3://bucket/area", "terrain"),
        ("https://x.org/dem.tif?token=1", "raster"),
        ("zip+https://x.org/a.zip!dem.tif", "raster"),
        ("/vsizip//data/a.zip/dem.tif", "raster"),
        ('NETCDF:"z.nc":height', "raster"),
    ],
)
def test_what_is_dropped_by_name(name: str, kind: str) -> None:
    assert file_kinds.kind(name) == kind


def test_the_viewer_reads_a_reference_by_name(folder: Path, tmp_path: Path) -> None:
    import viewer.measuring as measuring

    plain = folder / "dem.tif"
    out = tmp_path / "a.ntile"
    encode(plain, out, EncodeOptions(methods=(), reference_m=0.05))
    point = [(500_040.5, 3_999_970.5)]
    heights = measuring.sample(out, point, reference=f"GTIFF_DIR:1:{folder}/many.tif")
    assert abs(float(heights["reference"][0]) - float(SAMPLES[29, 40] + 1)) < 1e-3
