"""Color tables: smooth, even, ordered by lightness, readable without red–green vision."""

import numpy as np
import pytest

from viewer.model.colormaps import (
    USES,
    colormap,
    lut,
    names,
    oklab_from_srgb,
    read,
    srgb_from_oklab,
)

# Machado, Oliveira and Fernandes 2009, severity 1.0, applied to linear RGB.
DEFICIENCIES = {
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


def linear(srgb):
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def encoded(values):
    values = np.clip(values, 0, 1)
    return np.where(values <= 0.0031308, 12.92 * values, 1.055 * values ** (1 / 2.4) - 0.055)


def test_there_are_maps_for_every_use():
    assert "terrain" in names("elevation")
    assert "balance" in names("error")
    assert "heather" in names("amount")
    assert "compass" in names("cyclic")
    assert {name for use in USES for name in names(use)} == set(names())


@pytest.mark.parametrize("name", names())
def test_table_is_even_and_in_gamut(name):
    table = lut(name)
    assert table.shape == (256, 3)
    assert table.dtype == np.uint8
    assert not table.flags.writeable
    lab = oklab_from_srgb(table / 255)
    # Eight entries apart, so that rounding to bytes does not decide; a diverging map turns at its
    # middle.
    apart = np.linalg.norm(lab[8:] - lab[:-8], axis=1)
    inside = np.r_[apart[:112], apart[136:]] if colormap(name).kind == "error" else apart
    assert inside.max() / inside.min() < (2.2 if colormap(name).kind == "cyclic" else 1.5)
    assert len(np.unique(table, axis=0)) > 180


@pytest.mark.parametrize("name", names("elevation"))
def test_elevation_rises_in_lightness_for_everyone(name):
    table = lut(name) / 255
    for matrix in [np.eye(3), *map(np.array, DEFICIENCIES.values())]:
        seen = oklab_from_srgb(encoded(linear(table) @ matrix.T))[:, 0]
        assert np.all(np.diff(seen[::8]) > 0)


@pytest.mark.parametrize("name", names("amount"))
def test_amounts_darken_from_next_to_white_for_everyone(name):
    table = lut(name) / 255
    assert oklab_from_srgb(table)[0, 0] > 0.95
    for matrix in [np.eye(3), *map(np.array, DEFICIENCIES.values())]:
        seen = oklab_from_srgb(encoded(linear(table) @ matrix.T))[:, 0]
        assert np.all(np.diff(seen[::8]) < 0)


@pytest.mark.parametrize("name", names("cyclic"))
def test_directions_close_and_the_four_differ(name):
    lab = oklab_from_srgb(lut(name) / 255)
    assert np.linalg.norm(lab[0] - lab[-1]) < 0.01
    quarters = lab[[0, 64, 128, 191]]
    apart = np.linalg.norm(quarters[:, None] - quarters[None], axis=-1)[np.triu_indices(4, 1)]
    assert apart.min() > 0.12


def test_compass_directions_differ_for_everyone():
    table = lut("compass")[[0, 64, 128, 191]] / 255
    for matrix in map(np.array, DEFICIENCIES.values()):
        seen = oklab_from_srgb(encoded(linear(table) @ matrix.T))
        assert (
            np.linalg.norm(seen[:, None] - seen[None], axis=-1)[np.triu_indices(4, 1)].min() > 0.12
        )


@pytest.mark.parametrize("name", names("error"))
def test_error_is_symmetric_with_a_neutral_middle_and_two_distinct_ends(name):
    table = lut(name) / 255
    lab = oklab_from_srgb(table)
    assert np.allclose(lab[:, 0], lab[::-1, 0], atol=0.03)
    middle = lab[127:129].mean(axis=0)
    assert middle[0] > 0.93
    assert np.hypot(*middle[1:]) < 0.02
    for matrix in map(np.array, DEFICIENCIES.values()):
        seen = oklab_from_srgb(encoded(linear(table) @ matrix.T))
        assert np.linalg.norm(seen[32] - seen[-33]) > 0.15  # the signs stay apart


def test_every_table_says_where_it_comes_from():
    for name in names():
        assert colormap(name).source
        assert colormap(name).license
        assert colormap(name).title


def test_oklab_round_trip():
    rgb = np.random.default_rng(0).uniform(0, 1, (500, 3))
    assert np.allclose(srgb_from_oklab(oklab_from_srgb(rgb)), rgb, atol=1e-6)
    # Published example: sRGB red is L 0.628, a 0.225, b 0.126.
    assert np.allclose(oklab_from_srgb(np.array([[1.0, 0, 0]])), [[0.628, 0.225, 0.126]], atol=5e-4)


def test_unknown_and_broken_tables(tmp_path):
    with pytest.raises(KeyError, match="terrain"):
        lut("plaid")
    broken = tmp_path / "broken.csv"
    broken.write_text("# title: Broken\n0.5, 0.1\n")
    with pytest.raises(ValueError, match=r"broken\.csv"):
        read(broken)
