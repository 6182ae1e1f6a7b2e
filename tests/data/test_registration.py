"""One small picture laid on another."""

from __future__ import annotations

import numpy as np
import pytest

from resnets.data.image_signatures import signatures
from resnets.data.registration import Windows, likeness

from .planted import photographs


def window(left: float, top: float, side: float) -> Windows:
    return Windows.of(*(np.array([value], np.float32) for value in (left, top, side)))


@pytest.mark.parametrize(("left", "top"), [(0, 0), (12, 12), (3, 7), (12, 0)])
def test_a_crop_is_found_from_a_guess_beside_it(left: int, top: int) -> None:
    image = photographs(1, size=120)[0]
    whole, part = signatures([image]), signatures([image.crop((left, top, left + 108, top + 108))])
    assert likeness(whole, part, window(0.05, 0.05, 0.92))[0] > 0.98


def test_an_image_is_itself_and_no_other() -> None:
    made = signatures(photographs(20))
    whole = Windows.of(*(np.full(20, value, np.float32) for value in (0, 0, 1)))
    # Not 1: what has little contrast is never sure.
    assert likeness(made, made, whole).min() > 0.98
    assert likeness(made, np.roll(made, 1, axis=0), whole).max() < 0.9


def test_windows_count_from_the_edges_of_pixels() -> None:
    # Half a picture of 32 pixels begins at its 8th edge: centre 0 of the part is at 7.75.
    half = window(0.25, 0.25, 0.5)
    np.testing.assert_allclose(half.scales, [[0.5, 0.5]])
    np.testing.assert_allclose(half.shifts, [[7.75, 7.75]])
