"""Names of any script in pictures: letters of the system's fonts, or boxes."""

import threading

import numpy as np
import pytest

from viewer.model import fonts
from viewer.pictures import lettering
from viewer.pictures.lettering import TextPainter

WORDS = {
    "Georgian": "თბილისი",
    "Armenian": "Երևան",
    "Arabic": "خريطة",
    "Hebrew": "ירושלים",
    "CJK": "山地図",
    "Hangul": "서울",
    "Thai": "เชียงใหม่",
    "Devanagari": "हिमालय",
}


def drawn(text, size=24):
    painter = TextPainter(size)
    picture = np.full((2 * size, 400, 3), 255, np.uint8)
    painter.draw(picture, 4, 4, text, (0, 0, 0))
    width = painter.width(text)
    painter.close()
    return picture, width


@pytest.mark.parametrize("script", WORDS)
def test_words_are_drawn_in_fonts_of_the_system(script):
    word = WORDS[script]
    if not all(fonts.candidates(letter) for letter in word if fonts.is_drawn(letter)):
        pytest.skip(f"no font for {script} is installed")
    picture, width = drawn(word)
    boxes, _ = drawn("\ufffd" * len(word))
    assert (picture != boxes).any()
    assert (picture < 128).any()
    inked = np.flatnonzero((picture < 128).any(axis=(0, 2)))
    assert inked[-1] <= 4 + width + 8
    halves, _ = drawn(word[: len(word) // 2])
    assert (picture != halves).any()


def test_a_letter_without_a_font_is_a_box_that_is_told(monkeypatch):
    monkeypatch.setattr(lettering, "candidates", lambda letter: [])
    monkeypatch.setattr(lettering, "_fallbacks", {})
    monkeypatch.setattr(fonts, "_missing", {})
    monkeypatch.setattr(fonts, "_told", set())
    picture, _ = drawn("a\u4e2db")
    box, _ = drawn("a\ufffdb")
    np.testing.assert_array_equal(picture, box)
    (sentence,) = fonts.take_missing()
    assert "(CJK)" in sentence


def test_other_scripts_leave_plain_text_as_it_is():
    painter = TextPainter(20)
    before = painter.width("Elevation, m")
    painter.width("გ Ա \ufffd")
    assert painter.width("Elevation, m") == before
    painter.close()


def test_threads_paint_at_once():
    plain, _ = drawn("Terrain გ")
    wrong = []

    def paint():
        for _ in range(20):
            picture, _ = drawn("Terrain გ")
            if (picture != plain).any():
                wrong.append(picture)

    threads = [threading.Thread(target=paint) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
