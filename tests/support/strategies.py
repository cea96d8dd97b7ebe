"""Strategies of hypothesis that several tests draw from: bytes that came to harm, and numbers as
files hold them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
"""Any value of a JSON document, NaN and infinity included."""

FLOAT32 = st.floats(allow_nan=False, allow_infinity=False, width=32)


@st.composite
def damaged(draw: Any, data: bytes) -> bytes:
    """Other bytes than `data`, made in one of the ways in which files come to harm."""
    start, stop = sorted(draw(st.tuples(*[st.integers(0, len(data))] * 2)))
    replacement = draw(
        st.one_of(
            st.just(b""),  # a part is left out, or the end is cut off
            st.binary(max_size=64),
            st.just(data[start:stop] * 2),
            st.sampled_from((b"\0", b"\xff")).map(lambda byte: byte * (stop - start)),
            st.integers(0, 7).map(lambda bit: _flipped(data[start:stop], bit)),
        )
    )
    changed = data[:start] + replacement + data[stop:]
    return changed if changed != data else data + b"\0"


def _flipped(part: bytes, bit: int) -> bytes:
    """A part whose first byte has one bit turned."""
    return bytes([part[0] ^ 1 << bit]) + part[1:] if part else b""


@st.composite
def changed_json(draw: Any, document: Any) -> Any:
    """A JSON document in which one value is another, or is left out."""
    if isinstance(document, dict | list) and document and draw(st.integers(0, 5)):
        changed = dict(document) if isinstance(document, dict) else list(document)
        key = draw(
            st.sampled_from(
                sorted(document) if isinstance(document, dict) else range(len(document))
            )
        )
        if draw(st.integers(0, 5)) == 0:
            del changed[key]
        else:
            changed[key] = draw(changed_json(document[key]))
        return changed
    return draw(JSON)
