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


def test_every_record_is_put_as_text_in_full_batches_and_what_it_lacks_is_left_out(store: Store) -> None:
    group().put(records(310))
    assert sorted(len(call) for call in store.calls) == [10, *[25] * 12]
    assert {name for call in store.calls for name, _ in call} == {"mlops-dev-baskets"}
    assert len(store.kept) == 310
    assert store.kept["7", TIME] == {"basket_id": "7", "label": "MM", "event_time": TIME}


def test_a_batch_holds_neighbours_in_their_order(store: Store) -> None:
    group().put(records(60))
    batches = sorted([int(record["basket_id"]) for _, record in call] for call in store.calls)
    assert batches == [list(range(25)), list(range(25, 50)), list(range(50, 60))]


def test_nothing_is_called_for_no_records(store: Store) -> None:
    group().put(iter(()))
    assert store.calls == []


def test_a_value_as_long_as_the_service_takes_arrives_whole(store: Store) -> None:
    longest = "x" * 358_400
    group().put([*records(3), {"basket_id": "big", "lines": longest, "event_time": TIME}])
    assert store.kept["big", TIME]["lines"] == longest
    assert len(store.kept) == 4


def test_many_are_under_way_at_a_time_and_the_source_is_read_little_ahead(store: Store) -> None:
    ahead = 0

    def counted() -> Iterator[Record]:
        nonlocal ahead
        for read, record in enumerate(records(3_000)):
            ahead = max(ahead, read - len(store.kept))
            yield record

    group().put(counted())
    assert 1 < store.most_at_once <= 8
    assert ahead <= 17 * 25


def test_what_passes_is_waited_for_longer_each_time(store: Store) -> None:
    store.answers = [(400, "ThrottlingException"), (500, "InternalFailure"), (503, "ServiceUnavailable"), (429, "Slow")]
    waits: list[float] = []
    group(waits).put(records(1))
    assert waits == [0.1, 0.2, 0.4, 0.8]
    assert list(store.kept) == [("0", TIME)]


def test_of_a_batch_only_what_was_not_written_is_tried_again(store: Store) -> None:
    store.refused = {"3": ["ThrottlingException", "InternalFailure"]}
    store.unprocessed = {"4": 1, "5": 3}
    waits: list[float] = []
    group(waits).put(records(10))
    tried = [sorted(record["basket_id"] for _, record in call) for call in store.calls]
    assert tried[1:] == [["3", "4", "5"], ["3", "5"], ["5"]]
    assert waits == [0.1, 0.2, 0.4]
    assert store.kept["5", TIME] == {"basket_id": "5", "label": "MM", "event_time": TIME}
    assert len(store.kept) == 10


def test_a_store_that_stays_too_busy_is_given_up_with_the_record_named(store: Store) -> None:
    store.answers = [(400, "ThrottlingException")] * 50
    waits: list[float] = []
    with pytest.raises(StoreError, match="featuregroup://mlops-dev-baskets: basket_id 0: ThrottlingException: because"):
        group(waits).put(records(1))
    assert len(store.calls) == 10
    assert max(waits) == 15.0


def test_a_call_that_is_refused_as_a_whole_is_not_tried_again(store: Store) -> None:
    store.answers = [(403, "AccessForbidden")]
    with pytest.raises(StoreError, match="baskets: basket_id 0 and 4 more: AccessForbidden: because"):
        group().put(records(5))
    assert len(store.calls) == 1


@pytest.mark.parametrize(
    ("refused", "unprocessed", "message"),
    [
        ({"1": ["ServiceUnavailable"] * 50}, {}, "baskets: basket_id 1: ServiceUnavailable: because"),
        ({}, {"1": 50, "2": 50}, "baskets: basket_id 1 and 1 more: UnprocessedEntries: not written in 10 tries"),
    ],
)
def test_records_that_are_never_written_are_given_up_and_named(
    store: Store, refused: dict[str, list[str]], unprocessed: dict[str, int], message: str
) -> None:
    store.refused, store.unprocessed = refused, unprocessed
    with pytest.raises(StoreError, match=message):
        group().put(records(5))
    assert len(store.calls) == 10


def test_a_refused_record_ends_it_and_feeding_again_puts_all_of_them_once(store: Store) -> None:
    store.refused = {"40": ["ValidationError"]}
    with pytest.raises(StoreError, match="baskets: basket_id 40: ValidationError: because"):
        group().put(records(5_000))
    assert len(store.calls) < 200, "the rest is not tried"
    assert ("41", TIME) in store.kept, "its neighbours are written"
    group().put(records(5_000))
    assert len(store.kept) == 5_000


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
