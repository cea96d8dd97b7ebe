"""Sizes of a layer in bits per sample, at the stored bit depth or at a lower one."""

from __future__ import annotations

from neural.container.metadata import Layer
from neural.container.reader import Reader
from neural.errors import ContainerError
from neural.methods import METHODS
from neural.methods.base import LinkedMethod
from neural.surface.tile_surface import SurfaceDecoder


def rates(
    reader: Reader, layer: Layer, samples: int, keep_bits: int | None = None
) -> dict[str, float]:
    """Return bits per valid sample: the finest level's payloads, and all levels with the layer's
    share of the directory.

    At fewer bits than stored the body of each payload is counted at the size it would have. Where
    bits are those of the decoder's weights, which are then the layer's own, both count these too.
    Raises ContainerError for a payload that this needs and that is damaged.
    """
    # all but a hundredth of the weights have as many bits
    share = min(keep_bits or layer.bits, layer.bits) / layer.bits
    network = network_bytes(reader, layer) * share
    sizes = reader.sizes()
    payload = sizes["payload_bytes"][layer.index]
    tiles = sizes["tiles"][layer.index]
    above = finest = 0.0  # bytes saved
    if keep_bits is not None and keep_bits < layer.bits:
        if issubclass(METHODS[layer.method], LinkedMethod):
            above, finest = _saved_bytes(SurfaceDecoder(reader, layer, keep_bits))
        elif not METHODS[layer.method].quantized_weights:
            saved = body_bytes(layer, layer.bits) - body_bytes(layer, keep_bits)
            above = saved * sum(tiles[:-1])
            finest = saved * tiles[-1]
    directory = sizes["directory_bytes"] * sum(tiles) / max(sum(map(sum, sizes["tiles"])), 1)
    stack = sum(payload) - above - finest + directory
    per_sample = 8 / max(samples, 1)
    return {
        "bits_per_sample": per_sample * (payload[-1] - finest + network),
        "stack_bits_per_sample": per_sample * (stack + network),
    }


def network_bytes(reader: Reader, layer: Layer) -> int:
    """Return the bytes that a layer's own network takes in the file; 0 for a layer without one."""
    if layer.decoder is None or not METHODS[layer.method].quantized_weights:
        return 0
    return reader.decoder_size(layer.decoder)


def _saved_bytes(decoder: SurfaceDecoder) -> tuple[int, int]:
    """Return bytes by which the coarser levels and the finest of a linked layer would be smaller at
    the decoder's bits."""
    from neural.methods.lapped.assembly import Assembly
    from neural.methods.lapped.requantize import saved_bytes

    reader = decoder.reader
    layer = decoder.layer
    assembly = decoder.linked
    saved = [0, 0]
    assert isinstance(assembly, Assembly)  # there is one such method
    for tile in reader.tiles(layer):
        try:
            saved[tile.z == reader.grid.levels - 1] += saved_bytes(assembly, tile)
        except ValueError as error:
            raise ContainerError(
                f"{reader.path}: tile {tuple(tile)} is damaged ({error})."
            ) from error
    return saved[0], saved[1]


def body_bytes(layer: Layer, bits: int) -> int:
    """Return bytes of one tile's body at `bits`, for methods that store a fixed count of values per
    tile."""
    from neural.methods.quantize import packed_bytes

    tokens, dim = METHODS[layer.method](**layer.config).latent_shape
    return packed_bytes(tokens * dim, bits)
