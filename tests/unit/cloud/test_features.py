"""Records into a SageMaker feature group, over HTTP."""

from collections.abc import Iterator

import pytest

from cloud.features import SageMakerGroup
from ml.errors import SettingsError, StoreError
from ml.features.store import FEATURE_STORE, Record
from ml.serving.ports import adapter
from tests.feature_groups import Store, feature_store

TIME = "2026-03-02T10:00:00Z"


@pytest.fixture
def store() -> Iterator[Store]:
    with feature_store() as running:
        yield running


def group(waits: list[float] | None = None) -> SageMakerGroup:
    slept = [] if waits is None else waits
    # The longest wait that jitter allows.
    return SageMakerGroup("featuregroup://mlops-dev-baskets", sleep=slept.append, jitter=lambda _, most: most)


def records(count: int) -> list[Record]:
    return [{"basket_id": each, "cust_code": None, "label": "MM", "event_time": TIME} for each in range(count)]


def test_every_record_is_put_as_text_and_what_it_lacks_is_left_out(store: Store) -> None:
    group().put(records(300))
    assert {name for name, _ in store.calls} == {"mlops-dev-baskets"}
    assert len(store.calls) == len(store.kept) == 300
    assert store.kept["7", TIME] == {"basket_id": "7", "label": "MM", "event_time": TIME}


def test_many_are_under_way_at_a_time_and_the_source_is_read_little_ahead(store: Store) -> None:
    ahead = 0

    def counted() -> Iterator[Record]:
        nonlocal ahead
        for read, record in enumerate(records(300)):
            ahead = max(ahead, read - len(store.kept))
            yield record

    group().put(counted())
    assert 1 < store.most_at_once <= 32
    assert ahead <= 64


def test_what_passes_is_waited_for_longer_each_time(store: Store) -> None:
    store.answers = [(400, "ThrottlingException"), (500, "InternalFailure"), (503, "ServiceUnavailable"), (429, "Slow")]
    waits: list[float] = []
    group(waits).put(records(1))
    assert waits == [0.1, 0.2, 0.4, 0.8]
    assert list(store.kept) == [("0", TIME)]


def test_a_store_that_stays_too_busy_is_given_up_with_the_record_named(store: Store) -> None:
    store.answers = [(400, "ThrottlingException")] * 50
    waits: list[float] = []
    with pytest.raises(StoreError, match="featuregroup://mlops-dev-baskets: basket_id 0: ThrottlingException: because"):
        group(waits).put(records(1))
    assert len(store.calls) == 10
    assert max(waits) == 15.0


def test_a_refused_record_ends_it_and_feeding_again_puts_all_of_them_once(store: Store) -> None:
    store.refused = {"40"}
    with pytest.raises(StoreError, match="basket_id 40: ValidationError"):
        group().put(records(1_000))
    assert len(store.calls) < 1_000, "the rest is not tried"
    store.refused = set()
    group().put(records(1_000))
    assert len(store.kept) == 1_000


def test_a_source_that_fails_is_not_taken_for_its_end(store: Store) -> None:
    def broken() -> Iterator[Record]:
        yield from records(3)
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError, match="the disk is gone"):
        group().put(broken())


def test_the_adapter_is_found_by_its_scheme_and_needs_a_name(store: Store) -> None:
    assert isinstance(adapter(FEATURE_STORE, "featuregroup")("featuregroup://x"), SageMakerGroup)
    with pytest.raises(SettingsError, match="is not featuregroup://name"):
        SageMakerGroup("featuregroup://")
