"""Sizes of layers whose network is the area's own."""

import pytest

from neural.container.reader import open_reader
from neural.measure.sizes import rates


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
