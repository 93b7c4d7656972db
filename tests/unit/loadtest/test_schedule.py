"""When requests are due."""

import numpy as np
import pytest

from ml.errors import SettingsError
from ml.loadtest.schedule import Arrivals, offsets, usual_connections
from tests.unit.loadtest.loads import a_load


def test_constant_arrivals_are_even_and_do_not_drift() -> None:
    found = list(offsets(a_load(rate=30.0, duration=100.0)))
    assert len(found) == 3000
    assert found[0] == 0.0
    assert found[-1] == pytest.approx(2999 / 30, abs=1e-12)


@pytest.mark.parametrize(("rate", "duration", "count"), [(10.0, 0.3, 3), (0.1, 10.0, 1), (3.0, 0.5, 1)])
def test_the_number_of_requests_is_rate_times_duration(rate: float, duration: float, count: int) -> None:
    assert len(list(offsets(a_load(rate=rate, duration=duration)))) == count


def test_poisson_arrivals_have_the_rate_the_spread_and_the_seed_asked_for() -> None:
    load = a_load(rate=100.0, duration=200.0, arrivals=Arrivals.POISSON)
    found = list(offsets(load))
    gaps = np.diff(found)
    assert found == list(offsets(load))
    assert found != list(offsets(a_load(rate=100.0, duration=200.0, arrivals=Arrivals.POISSON, seed=8)))
    assert 0 < found[0] <= found[-1] < 200
    assert gaps.mean() == pytest.approx(0.01, rel=0.05)
    assert gaps.std() == pytest.approx(0.01, rel=0.05)  # of an exponential distribution: equal to its mean


@pytest.mark.parametrize("option", ["rate", "duration", "connections", "timeout"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_a_load_that_makes_no_sense_is_refused_by_its_option(option: str, value: float) -> None:
    with pytest.raises(SettingsError, match=f"--{option}"):
        a_load(**{option: value})


def test_a_duration_too_short_for_one_request_is_refused() -> None:
    with pytest.raises(SettingsError, match="not one is due"):
        a_load(rate=0.5, duration=1.0)


@pytest.mark.parametrize(("rate", "connections"), [(0.2, 1), (7.5, 8), (64.0, 64), (5000.0, 64)])
def test_a_connection_is_used_about_once_a_second(rate: float, connections: int) -> None:
    assert usual_connections(rate) == connections
