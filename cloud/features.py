"""Records into a SageMaker feature group."""

import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Final

from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError

from cloud.aws import client, code_of, named, place_of
from ml.features.store import Record

# PutRecord takes one record. More threads than this only wait for each other: signing takes a core.
_THREADS: Final = 32
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
        """Put all records, many at a time, in no order; a refusal ends it when those under way have ended.

        Raises:
            StoreError: the group refuses a record, or is too busy or out of reach for as long as a record is tried.

        """
        with ThreadPoolExecutor(_THREADS) as threads:
            ahead: set[Future[None]] = set()
            try:
                for record in records:
                    if len(ahead) >= _AHEAD:
                        ahead = _settled(ahead, at_least=1)
                    ahead.add(threads.submit(self._put, record))
                _settled(ahead, at_least=len(ahead))
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                raise

    def _put(self, record: Record) -> None:
        values = [
            {"FeatureName": name, "ValueAsString": str(value)} for name, value in record.items() if value is not None
        ]
        identifier, value = next(iter(record.items()))
        with named(f"featuregroup://{self._name}: {identifier} {value}"):
            for attempt in range(_TRIES):
                try:
                    self._runtime.put_record(FeatureGroupName=self._name, Record=values)
                except (ClientError, HTTPClientError) as error:
                    if attempt == _TRIES - 1 or not _passes(error):
                        raise
                    self._sleep(self._jitter(0.0, min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt)))
                else:
                    return


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
