import math

import numpy as np
import pytest

from ml.monitoring.drift import psi


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ([500, 500], [250, 750], 0.25 * math.log(3)),
        ([100, 200, 700], [100, 200, 700], 0.0),
        ([900, 100], [100, 900], 0.8 * math.log(81)),
    ],
)
def test_known_values(before: list[int], now: list[int], expected: float) -> None:
    many = 1_000
    assert psi(np.multiply(many, before), np.multiply(many, now)) == pytest.approx(expected, abs=1e-4)


def test_it_is_symmetric_and_grows_with_the_distance() -> None:
    even, moved, far = [100, 100, 100], [120, 100, 80], [250, 30, 20]
    assert psi(even, moved) == pytest.approx(psi(moved, even))
    assert 0 < psi(even, moved) < psi(even, far)


def test_an_empty_bin_gives_a_finite_figure_that_shrinks_as_it_matters_less() -> None:
    assert 0.0 < psi([50, 50, 1], [50, 51, 0]) < 0.02
    assert math.isfinite(psi([100, 0], [0, 100]))


def test_samples_of_one_distribution_stay_near_the_figure_of_chance() -> None:
    rng = np.random.default_rng(3)
    shares = np.full(10, 0.1)
    found = [psi(rng.multinomial(50_000, shares), rng.multinomial(400, shares)) for _ in range(200)]
    assert np.mean(found) == pytest.approx(9 / 400, rel=0.15)
