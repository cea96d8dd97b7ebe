"""The file dialog: opening and saving by keyboard and mouse, and what it says where that cannot
be."""

import pytest

from tests.support.gui_driver import SIZE
from viewer.gui import folders
from viewer.gui.dialogs import FILE_ICON, FOLDER_ICON
from viewer.session.launch import Launch


@pytest.fixture
def shelf(tmp_path):
    """A folder with something of each kind."""
    folder = tmp_path / "shelf"
    (folder / "b deeper").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    for name in ("one.csv", "Two.CSV", "notes.txt", ".dot.csv", "b deeper/three.csv"):
        (folder / name).write_text("x" * 10)
    (folder / "broken.csv").symlink_to(folder / "gone.csv")
    return folder


def test_folders_come_first_and_only_wanted_files(shelf):
    names = [entry.name for entry in folders.listing(shelf, (".csv",))]
    assert names == ["b deeper", "one.csv", "Two.CSV"]
    assert [entry.name for entry in folders.listing(shelf, (".csv",), hidden=True)] == [
        ".hidden",
        "b deeper",
        ".dot.csv",
        "one.csv",
        "Two.CSV",
    ]
    assert folders.listing(shelf, (".csv",))[1].size_bytes == 10
    with pytest.raises(OSError, match="No such file"):
        folders.listing(shelf / "gone", (".csv",))
    found = dict(folders.places())
    assert {"Home", "Start folder", "Samples"} <= set(found)
    assert all(path.is_dir() for path in found.values())


def test_open_and_save(drive, shelf):
    got = []

    def steps(driver):
        app = driver.app
        ctx = driver.ctx
        dialogs = app.view.dialogs
        ctx.yield_(3)

        dialogs.folder = shelf
        dialogs.open("Open table", (".csv",), got.append)
        ctx.yield_(3)
        driver.press("down_arrow")
        assert dialogs.typed == "b deeper"
        driver.press("enter")  # into the folder
        assert dialogs.folder == shelf / "b deeper"
        driver.press("alt+up_arrow")
        assert dialogs.folder == shelf
        driver.press("down_arrow")
        driver.press("down_arrow")
        assert dialogs.typed == "one.csv"
        driver.press("up_arrow")
        driver.press("up_arrow")
        assert dialogs.typed == "b deeper"
        ctx.item_input_value("//Open table/##path", "none.csv")  # and Enter
        ctx.yield_(2)
        assert "does not exist" in dialogs._problem
        assert dialogs.is_open
        assert f"{FOLDER_ICON}  .hidden" not in shown(dialogs)
        ctx.item_check("//Open table/Hidden files")
        ctx.yield_(2)
        assert f"{FOLDER_ICON}  .hidden" in shown(dialogs)
        ctx.item_uncheck("//Open table/Hidden files")
        ctx.item_double_click(f"//Open table/**/{FILE_ICON}  one.csv")
        ctx.yield_(3)
        assert got == [str(shelf / "one.csv")]
        assert not dialogs.is_open

        dialogs.save("Save table", ".csv", got.append, "one")
        ctx.yield_(3)
        driver.press("enter")
        assert dialogs.is_open  # it exists, so it asks
        driver.press("n")
        assert dialogs.is_open
        ctx.item_click("//Save table/Save")
        ctx.yield_(2)
        driver.press("y")
        ctx.yield_(2)
        assert got[1:] == [str(shelf / "one.csv")]
        assert not dialogs.is_open

        dialogs.save("Save table", ".csv", got.append)
        ctx.yield_(3)
        ctx.item_click("//Save table/Save")
        ctx.yield_(2)
        assert "type its name" in dialogs._problem
        ctx.item_input_value("//Save table/##path", "no/new.csv")  # and Enter
        ctx.yield_(2)
        assert "folder does not exist" in dialogs._problem
        ctx.item_input_value("//Save table/##path", "new.csv")  # and Enter
        ctx.yield_(2)
        assert got[2:] == [str(shelf / "new.csv")]
        dialogs.save("Save table", ".csv", got.append)
        ctx.yield_(3)
        driver.press("escape")
        assert not dialogs.is_open
        assert len(got) == 3

        # a name that only GDAL resolves is not looked for
        dialogs.open("Open raster", (".tif",), got.append)
        ctx.yield_(3)
        ctx.item_input_value("//Open raster/##path", "/vsizip//data/a.zip/dem.tif")  # and Enter
        ctx.yield_(2)
        assert got[3:] == ["/vsizip//data/a.zip/dem.tif"]

    drive(Launch(path=None, size=SIZE), steps)


def shown(dialogs):
    """The lines of the list."""
    return [
        f"{FOLDER_ICON if entry.is_folder else FILE_ICON}  {entry.name}"
        for entry in dialogs._entries
    ]
