"""Records into a SageMaker feature group."""

import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError

from cloud.aws import client, code_of, named, place_of
from ml.errors import StoreError
from ml.features.store import Record

# What BatchWriteRecord takes at most.
_BATCH: Final = 25
# Batches under way. More than these only wait for each other: signing and JSON take a core.
_THREADS: Final = 8
# Beside those under way some wait for a thread, so that none is idle; the rest has not been read yet.
_AHEAD: Final = 2 * _THREADS
# What goes by: the service's word for it, and that of its throttling, which is not in its model.
_PASSING: Final = frozenset(
    {"InternalFailure", "ServiceUnavailable", "ThrottlingException", "TooManyRequestsException"}
)
# Ten tries wait half a minute on average and a minute at most.
_TRIES: Final = 10
_FIRST_WAIT: Final = 0.1
_LONGEST_WAIT: Final = 15.0

# A record as the service takes it, and gives it back where it could not be written.
Entry = dict[str, Any]


class SageMakerGroup:
    """The feature group ``featuregroup://name``, online and offline alike."""

    def __init__(
        self,
        address: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._name, _ = place_of(address, scheme="featuregroup")
        # Waiting is done here, by all threads for as long as it takes: botocore's own retries share a small quota.
        config = Config(max_pool_connections=_THREADS, retries={"mode": "standard", "total_max_attempts": 1})
        self._runtime = client("sagemaker-featurestore-runtime", config)
        self._sleep = sleep
        self._jitter = jitter

    def put(self, records: Iterable[Record]) -> None:
        """Put all records, batches of them at a time, in no order; a refusal ends it when those under way have ended.

        Raises:
            StoreError: the group refuses a record, or is too busy or out of reach for as long as a record is tried.

        """
        source = iter(records)
        with ThreadPoolExecutor(_THREADS) as threads:
            ahead: set[Future[None]] = set()
            try:
                while batch := list(islice(source, _BATCH)):
                    if len(ahead) >= _AHEAD:
                        ahead = _settled(ahead, at_least=1)
                    ahead.add(threads.submit(self._put, batch))
                _settled(ahead, at_least=len(ahead))
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                raise

    def _put(self, batch: list[Record]) -> None:
        entries = [self._entry(record) for record in batch]
        for attempt in range(_TRIES):
            entries = self._tried(entries, last=attempt == _TRIES - 1)
            if not entries:
                return
            self._sleep(self._jitter(0.0, min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt)))

    def _tried(self, entries: list[Entry], *, last: bool) -> list[Entry]:
        """Write entries, and return those to try again; the ``last`` time there are none: what is left is an error."""
        with named(self._place(entries)):
            try:
                answer = self._runtime.batch_write_record(Entries=entries)
            except (ClientError, HTTPClientError) as error:
                if last or not _passes(error):
                    raise
                return entries
        errors, unprocessed = answer["Errors"], answer["UnprocessedEntries"]
        refused = [each for each in errors if last or each["ErrorCode"] not in _PASSING]
        if refused:
            place = self._place([each["Entry"] for each in refused])
            raise StoreError(f"{place}: {refused[0]['ErrorCode']}: {refused[0]['ErrorMessage']}")
        if last and unprocessed:
            raise StoreError(f"{self._place(unprocessed)}: UnprocessedEntries: not written in {_TRIES} tries")
        return [*(each["Entry"] for each in errors), *unprocessed]

    def _entry(self, record: Record) -> Entry:
        values = [
            {"FeatureName": name, "ValueAsString": str(value)} for name, value in record.items() if value is not None
        ]
        return {"FeatureGroupName": self._name, "Record": values}

    def _place(self, entries: list[Entry]) -> str:
        identifier = entries[0]["Record"][0]
        others = f" and {len(entries) - 1} more" if len(entries) > 1 else ""
        return f"featuregroup://{self._name}: {identifier['FeatureName']} {identifier['ValueAsString']}{others}"


def _settled(ahead: set[Future[None]], *, at_least: int) -> set[Future[None]]:
    """Wait until some have ended, raise the error of any that failed, and return the others."""
    while at_least > 0:
        done, ahead = wait(ahead, return_when=FIRST_COMPLETED)
        for each in done:
            each.result()
        at_least -= len(done)
    return ahead


def _passes(error: ClientError | HTTPClientError) -> bool:
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return code_of(error) in _PASSING or status == 429 or status >= 500
    return True
