"""Percentiles from buckets."""

import numpy as np
import pytest

from ml.loadtest.histogram import PRECISION, Histogram
from ml.loadtest.results import PERCENTILES


@pytest.mark.parametrize("spread", [0.1, 1.0, 2.5])
@pytest.mark.parametrize("count", [1, 2, 10, 999, 20_011])
def test_percentiles_equal_numpys_within_the_stated_precision(spread: float, count: int) -> None:
    times = np.random.default_rng(7).lognormal(np.log(0.005), spread, count).clip(1e-6, 3600)
    histogram = Histogram()
    for each in times.tolist():
        histogram.add(each)
    percents = [0.0, *PERCENTILES.values(), 100.0]
    exact = np.percentile(times, percents, method="inverted_cdf")
    np.testing.assert_allclose(histogram.percentiles(percents), exact, rtol=PRECISION * 1.0001)
    assert histogram.longest == times.max()
    assert histogram.mean == pytest.approx(times.mean())
    assert sum(number for _, number in histogram.pairs()) == count


def test_a_histogram_does_not_grow_with_the_number_of_times() -> None:
    histogram = Histogram()
    for each in np.geomspace(1e-9, 1e6, 50_000).tolist():
        histogram.add(each)
    assert len(histogram.pairs()) < 2_300
    assert histogram.longest == 1e6
    with pytest.raises(ValueError, match="no times"):
        Histogram().percentile(50)
