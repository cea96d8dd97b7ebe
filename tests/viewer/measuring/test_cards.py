"""Cards of measurements: beside their points, inside the picture, clear of all others."""

import numpy as np
import pytest

from viewer.measuring.cards import Box, place

EM = 12.0
AREA = Box(0, 0, 400, 300)
SIZE = (90.0, 18.0)


def overlaps(box, others):
    return sum(box.shared(other) for other in others)


def test_a_free_card_is_to_the_upper_right():
    box = place((100, 150), SIZE, EM, AREA, [])
    assert box == pytest.approx((109.6, 127.2, 199.6, 145.2))


@pytest.mark.parametrize("point", [(1, 1), (399, 1), (1, 299), (399, 299), (200, 2), (398, 150)])
def test_cards_stay_inside_and_beside_their_points(point):
    box = place(point, SIZE, EM, AREA, [])
    assert AREA.left <= box.left
    assert AREA.top <= box.top
    assert box.right <= AREA.right
    assert box.bottom <= AREA.bottom
    assert not box.holds(*point)


def test_cards_make_way_for_legend_and_other_cards():
    legend = Box(12, 100, 120, 288)
    taken = [legend, Box(300, 250, 388, 288), Box(340, 12, 388, 60)]
    for point in ((60, 180), (110, 110), (350, 270), (360, 40), (125, 200)):
        box = place(point, SIZE, EM, AREA, taken)
        assert overlaps(box, taken) == 0
        taken.append(box)


def test_cards_of_one_point_lie_side_by_side():
    taken = []
    for _ in range(12):
        taken.append(place((200, 150), SIZE, EM, AREA, taken))
    for k, box in enumerate(taken):
        assert overlaps(box, taken[:k]) == 0


def test_a_card_too_large_or_without_room_is_still_placed():
    full = [Box(0, 0, 400, 300)]
    assert place((200, 150), SIZE, EM, AREA, full).left >= 0
    wide = place((200, 150), (900.0, 18.0), EM, AREA, [])
    assert np.isfinite(wide).all()
    outside = place((-500, 150), SIZE, EM, AREA, full)
    assert outside.right < 0
