"""The slots A and B in the window: every layer and its bits, the comparison, the key that swaps
them."""

import pytest

from tests.support import hills
from tests.support.gui_driver import SIZE, changed
from viewer.gui import keys
from viewer.model import layers
from viewer.model.settings import SLOTS, LayerChoice
from viewer.session.launch import Launch


@pytest.fixture(scope="module")
def layered(tmp_path_factory):
    """A layer of every learned method between two more."""
    return hills.write(
        tmp_path_factory.mktemp("area") / "layered.ntile", hills.one_fixture_per_method()
    )


@pytest.mark.timeout(900)  # minutes on a busy machine without a graphics card
def test_every_layer_and_its_bits_in_both_slots(drive, layered):
    """All bits of the first layer; of the others, whose bits are tested without a window, the most
    and the fewest."""
    shown = {"A": [], "B": []}

    def steps(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        last = None
        finest = {}
        for slot in SLOTS:
            ctx.item_click(f"//Layers/slots/{slot}")
            for layer in session.scene.reader.layers:
                ctx.item_click(f"//Layers/slots/##{slot}{layer.index}")
                choices = list(layers.bit_choices(layer))
                key = "left_bracket"
                # the layer before ended with the fewest
                if session.settings.layer.keep_bits is not None:
                    choices = choices[::-1]
                    key = "right_bracket"
                stops = choices if layer.index == 0 else choices[:: max(1, len(choices) - 1)]
                for step, bits in enumerate(stops):
                    if slot == "A" and len(choices) > 1:
                        ctx.item_click(f"//Quantization/bits/{bits}")
                    elif step:
                        for _ in range((len(choices) - 1) // (len(stops) - 1)):
                            driver.press(key)
                    driver.settle()
                    wanted = LayerChoice(layer.index, None if bits == layer.bits else bits)
                    assert session.settings.active == slot
                    assert session.settings.slots[slot] == session.scene.current_choice == wanted
                    assert (session.legend.slot, session.legend.layer) == (
                        slot,
                        layers.label(layer, wanted),
                    )
                    shown[slot].append((layer.method, bits))
                    if slot == "A":
                        picture = driver.scene()
                        assert last is None or changed(last, picture, threshold=0) > 0.01
                        last = picture
                        finest |= {layer.index: picture} if bits == layer.bits else {}
                    elif bits == layer.bits:
                        assert changed(finest[layer.index], driver.scene(), threshold=0) == 0
        assert [message.text for message in session.messages.entries] == ["Opened layered.ntile."]

    drive(Launch(path=str(layered), size=SIZE), steps)
    assert shown["A"] == shown["B"]
    assert len({method for method, _ in shown["A"]}) >= 3


def test_slots_are_compared_and_swapped(drive, layered):
    def steps(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        settings = session.settings
        assert [choice.index for choice in settings.slots.values()] == [0, 1]
        pictures = {"A": driver.scene()}
        driver.press("x")
        pictures["B"] = driver.scene()
        assert settings.active == session.legend.slot == "B"
        assert changed(pictures["A"], pictures["B"]) > 0.2
        for slot in ("A", "B", "A"):  # what is loaded is there in the next picture
            drawn = app.viewport.pictures
            driver.press("x")
            assert app.viewport.pictures == drawn + 1
            assert session.scene.ready
            assert session.legend.slot == slot
            assert changed(pictures[slot], driver.scene(), threshold=0) == 0

        # The slot that is not shown changes without the picture.
        drawn = app.viewport.pictures
        last = session.scene.reader.layers[-1]
        ctx.item_click(f"//Layers/slots/##B{last.index}")
        driver.settle()
        assert settings.slots == {"A": LayerChoice(0), "B": LayerChoice(last.index)}
        assert app.viewport.pictures == drawn
        ctx.item_click("//Layers/slots/B")
        assert changed(pictures["A"], driver.scene()) > 0.005
        assert session.legend.layer == last.title

        # Errors of both are known without both being shown: the other slot is measured while the
        # view rests.
        driver.press("o")
        driver.settle()
        assert session.rmse_m["B"] == session.errors.rmse_m < hills.TOLERANCE_M
        measured = session.rmse_m["A"]
        driver.press("x")
        assert (session.legend.slot, session.scene.ready) == ("A", True)
        assert session.rmse_m["A"] == measured
        driver.settle()
        assert session.rmse_m["A"] == session.errors.rmse_m > 0.3
        assert session.rmse_m["B"] == 0  # the reference, measured against itself

        # The same in both: the picture stays, its letter does not.
        ctx.item_click("//Layers/slots/##B0")
        driver.settle()
        drawn = app.viewport.pictures
        driver.press("x")
        assert (app.viewport.pictures, session.legend.slot) == (drawn, "B")
        assert session.rmse_m["A"] == session.rmse_m["B"]
        assert [message.text for message in session.messages.entries] == ["Opened layered.ntile."]

    drive(Launch(path=str(layered), size=SIZE), steps)
    assert keys.KEYS["x"] == "compare.swap"
