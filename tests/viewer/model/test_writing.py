"""Letters in the order and forms in which they are seen."""

import unicodedata

import pytest

from viewer.model import fonts
from viewer.model.writing import visual


@pytest.mark.parametrize("line", ["plain", "Zürich 1:50 000", "地図.ntile", "Ω − Ж …", ""])
def test_lines_from_the_left_stay(line):
    assert visual(line) == line


def test_hebrew_runs_from_the_right_and_numbers_within_it_do_not():
    alef, bet = "\u05d0", "\u05d1"
    assert visual(f"{alef}{bet} map") == f"{bet}{alef} map"
    assert visual(f"{alef}{bet}{bet} 2024 {bet}") == f"{bet} 2024 {bet}{bet}{alef}"
    assert visual(f"({alef}{bet})") == f"({bet}{alef})"
    assert visual(f"{alef} ({bet}) {alef}") == f"{alef} ({bet}) {alef}"
    assert visual(f"{alef} 3,5 {bet}") == f"{bet} 3,5 {alef}"


def test_arabic_letters_join():
    names = [unicodedata.name(letter) for letter in visual("\u0645\u0635\u0631")]  # مصر
    assert names == [
        "ARABIC LETTER REH FINAL FORM",
        "ARABIC LETTER SAD MEDIAL FORM",
        "ARABIC LETTER MEEM INITIAL FORM",
    ]
    (alone,) = visual("\u062f")
    assert unicodedata.name(alone) == "ARABIC LETTER DAL ISOLATED FORM"
    (both,) = visual("\u0644\u0627")
    assert unicodedata.name(both) == "ARABIC LIGATURE LAM WITH ALEF ISOLATED FORM"


def test_marks_stay_with_their_letters():
    assert visual("e\u0301") == "é"
    assert visual("\u05d0\u05b8\u05d1") == "\u05d1\u05d0\u05b8"


def test_bytes_that_are_no_text_are_escapes():
    assert visual("a\udcffb") == r"a\udcffb"


def test_letters_that_no_font_has_are_told_once(monkeypatch):
    monkeypatch.setattr(fonts, "_missing", {})
    monkeypatch.setattr(fonts, "_told", set())
    for letter in "\u0e01\u0e02\u13a0":
        fonts.report_missing(letter)
    thai, cherokee = fonts.take_missing()
    assert "letter \u0e01 (Thai)" in thai
    assert "install a font" in cherokee
    fonts.report_missing("\u0e03")
    assert fonts.take_missing() == []


def test_no_fontconfig_is_no_font(monkeypatch):
    monkeypatch.setenv("PATH", "")
    fonts._of_fontconfig.cache_clear()
    assert fonts.candidates("\u4e2d") == []
    fonts._of_fontconfig.cache_clear()
