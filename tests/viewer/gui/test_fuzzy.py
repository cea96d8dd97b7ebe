"""The palette's search: characters in order, word starts and runs count, the best match first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.gui import bars, fuzzy
from viewer.gui.palette_window import PaletteWindow, Row


@pytest.mark.parametrize(
    ("query", "text", "positions"),
    [
        ("zfe", "Zoom to full extent", (0, 8, 13)),  # the starts of words
        ("full", "Zoom to full extent", (8, 9, 10, 11)),
        ("zoom ex", "Zoom to full extent", (0, 1, 2, 3, 13, 14)),
        ("TOP", "Top view", (0, 1, 2)),
        ("", "Top view", ()),
        ("lod", "Color by LOD", (9, 10, 11)),  # not the l and o of "Color"
    ],
)
def test_the_best_of_several_ways_to_match_is_found(query, text, positions):
    found = fuzzy.match(query, text)
    assert found is not None
    assert found.positions == positions


@pytest.mark.parametrize("query", ["zz", "extentz", "ofz", "ω"])
def test_characters_that_are_missing_or_out_of_order_do_not_match(query):
    assert fuzzy.match(query, "Zoom to full extent") is None


@given(st.text(max_size=8), st.text(max_size=24))
def test_a_match_spells_the_query(query, text):
    found = fuzzy.match(query, text)
    if found is None or len(text.lower()) != len(text):
        return
    spelled = "".join(text.lower()[index] for index in found.positions)
    assert spelled == "".join(query.lower().split())
    assert list(found.positions) == sorted(set(found.positions))


def rows(*, disabled=()):
    return [Row(one, one.id not in disabled, False) for one in bars.in_menu_order()]


def first(query, **options):
    palette = PaletteWindow()
    palette.query = query
    return [row.command.id for row in palette.rows(rows(**options))]


@pytest.mark.parametrize(
    ("query", "command_id"),
    [
        ("zoom", "view.zoom_to_extent"),
        ("top", "view.top"),
        ("swap", "compare.swap"),
        ("fewer", "layer.fewer_bits"),
        ("profile", "measure.start_profile"),
        ("akf", "film.add_keyframe"),
        ("compare.swap", "compare.swap"),  # ids are searched too
        ("overlay slope", "overlay.slope"),
        ("scrsht", "file.export_screenshot"),
    ],
)
def test_commands_are_found_by_title_and_id(query, command_id):
    assert command_id in first(query)[:2]


def test_without_a_query_all_commands_are_listed_in_the_order_of_the_menus():
    assert first("") == [command.id for command in bars.in_menu_order()]
    assert first("", disabled={"file.open"})[-1] == "file.open"
    assert first("swpxq") == []
    assert "film.add_keyframe" not in first("keyframe add")  # words keep their order


def test_the_selection_wraps_around_both_ends():
    palette = PaletteWindow()
    palette.toggle()
    palette.move(-1, 5)
    assert palette.selected == 4
    palette.move(1, 5)
    assert palette.selected == 0
    palette.move(1, 0)
    assert palette.selected == 0
    palette.toggle()
    assert not palette.is_open
