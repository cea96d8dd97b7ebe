"""Projects that move: through links, to other folders and other systems, and from other editors."""

import json
import os
import shutil
import unicodedata
from dataclasses import asdict
from itertools import product

import pytest

from neural.errors import NtileError
from neural.raster.reading import ReferenceRaster
from viewer.model.settings import Settings
from viewer.storage import project
from viewer.storage.file_search import ProjectFolder
from viewer.storage.project import Project


def terrain(path):
    """A file that a project may name; what it holds does not matter here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"PMTiles")
    return path


def save(path, *files, reference=None):
    project.write(
        path,
        Project(
            [str(file) for file in files],
            reference=None if reference is None else ReferenceRaster(str(reference)),
            settings=asdict(Settings()),
        ),
    )
    return path


def edited(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    return path


def main_of(path):
    return os.path.realpath(project.read(path).files[0])


@pytest.mark.parametrize(
    ("project_by_link", "file_by_link", "opened_by_link"), list(product((False, True), repeat=3))
)
def test_folders_behind_links(tmp_path, project_by_link, file_by_link, opened_by_link):
    real = terrain(tmp_path / "disk" / "deep" / "maps" / "fjord.ntile")
    plans = tmp_path / "disk" / "other" / "plans"
    plans.mkdir(parents=True)
    (tmp_path / "maps").symlink_to(real.parent)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "plans").symlink_to(plans)
    file = tmp_path / "maps" / "fjord.ntile" if file_by_link else real
    folders = {False: plans, True: tmp_path / "home" / "plans"}
    save(folders[project_by_link] / "p.tvproj.json", file)
    assert main_of(folders[opened_by_link] / "p.tvproj.json") == str(real)


@pytest.mark.parametrize("by_link", [False, True])
def test_a_project_that_is_a_link_finds_what_lies_beside_its_file(tmp_path, by_link):
    real = terrain(tmp_path / "store" / "fjord.ntile")
    terrain(tmp_path / "desk" / "fjord.ntile").write_bytes(b"PMTiles of another place")
    target = save(tmp_path / "store" / "p.tvproj.json", real)
    link = tmp_path / "desk" / "p.tvproj.json"
    link.symlink_to(target)
    if by_link:
        save(link, real)
        assert link.is_symlink()
    assert json.loads(target.read_text())["files"] == ["fjord.ntile"]
    assert main_of(link) == str(real)


def test_a_link_of_a_file_stays_a_link(tmp_path):
    old = terrain(tmp_path / "archive" / "2024.ntile")
    new = terrain(tmp_path / "archive" / "2025.ntile")
    latest = tmp_path / "work" / "latest.ntile"
    latest.parent.mkdir()
    latest.symlink_to(old)
    path = save(tmp_path / "work" / "p.tvproj.json", latest)
    assert json.loads(path.read_text())["files"] == ["latest.ntile"]
    latest.unlink()
    latest.symlink_to(new)
    assert main_of(path) == str(new)


def test_project_and_data_move_together_through_a_link(tmp_path):
    first = tmp_path / "disk" / "job"
    main = terrain(first / "data" / "a.ntile")
    second = terrain(first / "data" / "b.ntile")
    dem = terrain(first / "dem.tif")
    (tmp_path / "job").symlink_to(first)
    save(first / "p.tvproj.json", tmp_path / "job" / "data" / "a.ntile", second, reference=dem)
    moved = tmp_path / "usb" / "job"
    moved.parent.mkdir()
    shutil.move(first, moved)
    read = project.read(moved / "p.tvproj.json")
    assert read.files == [str(moved / "data" / main.name), str(moved / "data" / "b.ntile")]
    assert read.reference == ReferenceRaster(str(moved / "dem.tif"))
    assert (read.missing, read.warnings) == (set(), [])


def test_a_project_that_moves_alone_finds_its_files_where_they_were(tmp_path):
    main = terrain(tmp_path / "survey" / "a.ntile")
    dem = terrain(tmp_path / "survey" / "dem.tif")
    path = save(tmp_path / "survey" / "p.tvproj.json", main, reference=dem)
    (tmp_path / "mail" / "in").mkdir(parents=True)
    moved = tmp_path / "mail" / "in" / "p.tvproj.json"
    shutil.move(path, moved)
    read = project.read(moved)
    assert read.files == [str(main)]
    assert read.reference == ReferenceRaster(str(dem))
    beside = terrain(moved.parent / "a.ntile")  # comes before the former place
    assert project.read(moved).files == [str(beside)]
    beside.unlink()
    edited(moved, files=["c.ntile"])  # the former place is not that of another file
    with pytest.raises(NtileError, match=r"c\.ntile is missing"):
        project.read(moved)


@pytest.mark.skipif(os.name == "nt", reason="these are paths of this system there")
@pytest.mark.parametrize(
    ("stored", "place"),
    [
        ("D:\\surveys\\2024\\Fjord.ntile", "Fjord.ntile"),
        ("D:/surveys/2024/Fjord.ntile", "Fjord.ntile"),
        ("\\\\server\\share\\Fjord.ntile", "Fjord.ntile"),
        ("\\surveys\\Fjord.ntile", "Fjord.ntile"),
        ("Fjord.ntile", "Fjord.ntile"),
        ("FJORD.NTILE", "Fjord.ntile"),
        ("data\\Fjord.ntile", "data/Fjord.ntile"),
        ("..\\maps\\Fjord.ntile", "../maps/Fjord.ntile"),
        ("E:\\x\\Fjord.ntile", "odd\\Fjord.ntile"),  # not this one
    ],
)
def test_paths_from_windows(tmp_path, stored, place):
    folder = tmp_path / "plans"
    folder.mkdir()
    file = terrain(folder / place)
    path = edited(
        save(folder / "p.tvproj.json", file),
        files=[stored, stored],
        files_saved_at=[],
        reference=stored,
        reference_saved_at="",
    )
    if "odd" in place:
        with pytest.raises(NtileError, match="is missing"):
            project.read(path)
        return
    read = project.read(path)
    assert [os.path.realpath(name) for name in read.files] == [os.path.realpath(file)] * 2
    assert read.reference is not None
    assert os.path.samefile(read.reference.name, file)


def test_what_the_project_says_comes_before_the_file_beside_it(tmp_path):
    stored = terrain(tmp_path / "data" / "a.ntile")
    terrain(tmp_path / "a.ntile")
    path = save(tmp_path / "p.tvproj.json", stored)
    assert project.read(path).files == [str(stored)]


def test_accents_may_be_written_in_two_ways(tmp_path):
    composed = unicodedata.normalize("NFC", "Höhen_é.ntile")
    apart = unicodedata.normalize("NFD", composed)
    assert composed != apart
    terrain(tmp_path / "names" / apart)
    assert ProjectFolder(tmp_path / "names" / "p.tvproj.json").find(composed).endswith(apart)


def test_another_drive_has_no_relative_path(tmp_path, monkeypatch):
    file = terrain(tmp_path / "a.ntile")

    def relpath(path, start):
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(os.path, "relpath", relpath)
    path = save(tmp_path / "p.tvproj.json", file)
    monkeypatch.undo()
    assert json.loads(path.read_text())["files"] == [str(file)]
    assert project.read(path).files == [str(file)]


def test_encodings_of_editors(tmp_path):
    file = terrain(tmp_path / "a.ntile")
    path = save(tmp_path / "p.tvproj.json", file)
    text = path.read_text()
    path.write_text(text, encoding="utf-8-sig")
    assert project.read(path).files == [str(file)]
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        path.write_text(text, encoding=encoding)
        with pytest.raises(NtileError, match="its text is not UTF-8; save it as UTF-8") as caught:
            project.read(path)
        assert "\n" not in str(caught.value)
    path.write_bytes(text.replace("a.ntile", "\xe9.ntile").encode("latin-1"))
    with pytest.raises(NtileError, match="save it as UTF-8"):
        project.read(path)
    path.write_text("[" * 100_000)
    with pytest.raises(NtileError, match="nested too deeply"):
        project.read(path)


def test_a_project_that_names_itself(tmp_path):
    main = terrain(tmp_path / "a.ntile")
    path = save(tmp_path / "p.tvproj.json", main)
    (tmp_path / "again.ntile").symlink_to(path)
    for name in ("p.tvproj.json", "again.ntile", str(path)):
        edited(path, files=[name])
        with pytest.raises(NtileError, match="names itself as its terrain file") as caught:
            project.read(path)
        assert "\n" not in str(caught.value)
    edited(path, files=["a.ntile", "p.tvproj.json"], reference="again.ntile")
    read = project.read(path)
    assert (read.files[0], len(read.missing), read.reference) == (str(main), 1, None)
    (sentence,) = read.warnings
    assert "p.tvproj.json, again.ntile missing" in sentence


def test_names_that_are_none(tmp_path):
    main = terrain(tmp_path / "a.ntile")
    path = save(tmp_path / "p.tvproj.json", main)
    for name in ("", ".", "a\0b", "\ud800.ntile", "x" * 5000, "C:", "\\", "a.ntile/b"):
        edited(path, files=[name], files_saved_at=[3])
        with pytest.raises(NtileError, match="is missing"):
            project.read(path)
        edited(path, files=["a.ntile", name], reference=name, files_saved_at="a.ntile")
        assert project.read(path).files[0] == str(main)


def test_a_name_as_long_as_names_may_be(tmp_path):
    main = terrain(tmp_path / "a.ntile")
    name = "é" * 120 + "pq" + project.SUFFIX
    assert len(name.encode()) == 254
    path = save(tmp_path / f"{name[1:]}", main)
    save(tmp_path / f"n{name}", main)
    assert len(os.listdir(tmp_path)) == 3
    assert project.read(path).files == project.read(tmp_path / f"n{name}").files == [str(main)]
    with pytest.raises(NtileError, match="cannot be written"):
        save(tmp_path / f"nn{name}", main)


@pytest.mark.parametrize("form", ["/vsizip/{}/in/dem.tif", "zip://{}!dem.tif", "GTIFF_DIR:1:{}"])
def test_files_in_names_of_gdal_move_too(tmp_path, form):
    main = terrain(tmp_path / "first" / "a.ntile")
    archive = terrain(tmp_path / "first" / "rasters" / "Höhen 1.zip")
    path = save(tmp_path / "first" / "p.tvproj.json", main, reference=form.format(archive))
    assert project.read(path).reference == ReferenceRaster(form.format(archive))
    moved = tmp_path / "second"
    shutil.move(tmp_path / "first", moved)
    path = moved / "p.tvproj.json"
    there = moved / "rasters" / archive.name
    assert project.read(path).reference == ReferenceRaster(form.format(there))
    beside = moved / archive.name
    shutil.move(there, beside)
    assert project.read(path).reference == ReferenceRaster(form.format(beside))
    beside.unlink()
    read = project.read(path)
    assert read.reference is None
    (warning,) = read.warnings
    assert "missing; the rest is restored" in warning
    edited(path, reference_file=7, reference_saved_at=["x"])
    assert project.read(path).reference is not None  # as it stands


@pytest.mark.skipif(os.name == "nt", reason="these are paths of this system there")
def test_archives_from_windows(tmp_path):
    archive = terrain(tmp_path / "dem.zip")
    path = edited(
        save(tmp_path / "p.tvproj.json", terrain(tmp_path / "a.ntile")),
        reference="/vsizip/D:\\maps\\dem.zip/dem.tif",
        reference_file="../maps/dem.zip",
        reference_saved_at="D:\\maps\\dem.zip",
    )
    assert project.read(path).reference == ReferenceRaster(f"/vsizip/{archive}/dem.tif")
