"""Sizes of layers whose network is the area's own."""

import pytest

from neural.container.reader import open_reader
from neural.measure.sizes import rates
from tests.support.commands import ntile, ntile_json


def test_a_network_of_the_area_counts(plains_file):
    with open_reader(plains_file) as reader:
        layer = reader.layers[0]
        samples = reader.grid.width * reader.grid.height
        sizes = rates(reader, layer, samples)
        payloads = reader.sizes()["payload_bytes"][0]
        decoder = reader.decoder_size(layer.decoder)
        assert decoder == pytest.approx(reader.sizes()["decoder_bytes"], rel=0.02)  # compressed
        assert sizes["bits_per_sample"] == pytest.approx(8 * (payloads[-1] + decoder) / samples)
        assert sizes["stack_bits_per_sample"] > 8 * (sum(payloads) + decoder) / samples
        fewer = rates(reader, layer, samples, 8)
        assert fewer["bits_per_sample"] == pytest.approx(8 * (payloads[-1] + decoder / 4) / samples)
        exact = rates(reader, reader.layers[1], samples)
        assert exact["bits_per_sample"] == pytest.approx(
            8 * reader.sizes()["payload_bytes"][1][-1] / samples
        )


def test_info_describes_a_network(plains_file, capsys):
    ntile("info", plains_file)
    said = capsys.readouterr().out
    assert "network of ACORN: " in said
    words = "34,000 parameters, 95 blocks and 1 of a single height, 2,000 steps of training"
    assert words in said
    first, second = ntile_json(capsys, "info", plains_file)["layers"]
    assert first["stats"]["training_steps"] == 2000
    assert first["network_bytes"] > second["network_bytes"] == 0
