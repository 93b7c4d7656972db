"""What acts do things with, all of it by AWS's own API and the service's: upload, ask, approve, wait and look."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

from config.names import (
    API_KEY_HEADER,
    ARTIFACTS,
    LAKE,
    MODEL_GROUP,
    MODELS,
    RELEASE,
    TRAINING,
    ModelStatus,
)
from config.settings import EnvironmentSettings
from ml.loadtest.bodies import basket_of
from ml.progress import say
from rehearsal.control import ask
from rehearsal.page.document import Load
from rehearsal.story.act import UnmetExpectationError
from rehearsal.story.bundles import Bundles
from rehearsal.story.lake import Lake
from rehearsal.story.traffic import Sent, traffic
from rehearsal.story.weeks import Row, Weeks
from rehearsal.world import REGISTRY as REGISTRY_OF_IMAGES
from rehearsal.world import World

USE_CASE: Final = "price_sensitivity"
_POLL_SECONDS: Final = 0.25
_T = TypeVar("_T")
_RUNNING: Final = "RUNNING"
_BY_HAND: Final = "by hand"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The world in which the acts play, and what they do and look at in it.

    ``service`` is the load balancer's address, ``destroy`` removes all stacks, ``loaded`` and ``noted`` are told what
    became of requests and what was seen, ``inbox`` is the address of the queue that gets what people are told.
    All limits of time are multiplied by ``patience``: for machines that have more to do.
    """

    world: World
    settings: EnvironmentSettings
    service: str
    weeks: Weeks
    destroy: Callable[[], None]
    loaded: Callable[[Load], None]
    inbox: str = ""
    noted: Callable[[str], None] = say
    patience: float = 1.0
    clients: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def lake(self) -> Lake:
        """The lake."""
        bucket = f"{self.settings.name(LAKE)}-{self.world.account}-{self.world.region}"
        return Lake(self.client("s3"), bucket)

    @cached_property
    def bundles(self) -> Bundles:
        """The lake's models."""
        return Bundles(self.lake, self.world.folder / "made")

    @property
    def champion(self) -> str | None:
        """The version that serves."""
        return self.lake.champion

    @property
    def champions_package(self) -> str:
        """The package of the version that serves."""
        found = self.package_of(str(self.champion))
        if found is None:
            raise UnmetExpectationError(f"{self.champion} serves and has no package")
        return str(found["ModelPackageArn"])

    def during(self, act: str, noted: Callable[[str], None]) -> "Stage":
        """Return this stage for an act: what people are told from now on, and with a listener of its own."""
        return replace(self, inbox=self._new_inbox(act), noted=noted)

    def client(self, service: str) -> Any:
        """Return the administrator's client of a service."""
        if service not in self.clients:
            self.clients[service] = self.world.client(service)
        return self.clients[service]

    def pages(self, service: str, operation: str) -> Iterator[dict[str, Any]]:
        """Yield the pages of a listing."""
        client = self.client(service)
        if client.can_paginate(operation):
            yield from client.get_paginator(operation).paginate()
        else:
            yield getattr(client, operation)()

    @contextmanager
    def traffic(self, name: str, *, bodies: list[bytes], rate: float) -> Iterator[Sent]:
        """Send requests in the background, ``rate`` a second, while the block runs; the page shows them."""
        began = datetime.now(UTC)
        with traffic(self.service, key=self.api_key, bodies=bodies, rate=rate) as sent:
            yield sent
        self.loaded(
            Load(
                name=name,
                started=began,
                ended=datetime.now(UTC),
                requests=sent.total,
                failures=sent.failed,
                p95_ms=sent.p95_ms,
                failed_at=tuple(sent.failed_at),
            )
        )

    # ---- waiting and expecting

    def until(self, what: str, look: Callable[[], _T | None], *, seconds: float = 120.0) -> _T:
        """Return what ``look`` returns as soon as that is something.

        Raises:
            UnmetExpectationError: it never is within ``seconds``.

        """
        seconds *= self.patience
        end = time.monotonic() + seconds
        while True:
            found = look()
            if found:
                return found
            if time.monotonic() > end:
                raise UnmetExpectationError(f"{what}: not within {seconds:g} seconds")
            time.sleep(_POLL_SECONDS)

    def expect(self, holds: object, words: str) -> None:
        """Note ``words`` where they hold.

        Raises:
            UnmetExpectationError: they do not.

        """
        if not holds:
            raise UnmetExpectationError(f"expected: {words}")
        self.noted(words)

    def uploaded(self, *files: Path) -> datetime:
        """Put weekly files below raw/, as a person or another system does; return when that began."""
        self.noted(f"uploads {', '.join(file.name for file in files)}")
        return self.lake.upload(*files)

    # ---- state machines

    def machine(self, component: str) -> str:
        """Return a state machine's ARN."""
        world = self.world
        return f"arn:aws:states:{world.region}:{world.account}:stateMachine:{self.settings.name(component)}"

    def executions(self, component: str, *, since: datetime) -> list[dict[str, Any]]:
        """Return a machine's executions that began after ``since``, the oldest first."""
        pages = self.client("stepfunctions").get_paginator("list_executions")
        listed = pages.paginate(stateMachineArn=self.machine(component))
        found = [each for page in listed for each in page["executions"] if each["startDate"] >= since]
        return sorted(found, key=lambda each: each["startDate"])

    def ended(self, component: str, *, since: datetime, seconds: float = 180.0) -> list[dict[str, Any]]:
        """Wait until a machine's executions since then have ended, one at least; return them."""

        def look() -> list[dict[str, Any]] | None:
            found = self.executions(component, since=since)
            return found if found and all(each["status"] != _RUNNING for each in found) else None

        return self.until(f"{self.settings.name(component)} ends", look, seconds=seconds)

    def rests(self, component: str) -> bool:
        """Say whether no execution of a machine runs."""
        listed = self.client("stepfunctions").list_executions(
            stateMachineArn=self.machine(component), statusFilter=_RUNNING
        )
        return not listed["executions"]

    def start(self, component: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Start a machine by hand with an input; return the execution's description when it has ended."""
        client = self.client("stepfunctions")
        arn = client.start_execution(stateMachineArn=self.machine(component), input=json.dumps(given))["executionArn"]

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = client.describe_execution(executionArn=arn)
            return found if found["status"] != _RUNNING else None

        return self.until(f"{self.settings.name(component)} ends", look, seconds=180)

    def input_of(self, execution: Mapping[str, Any]) -> Any:
        """Return what an execution was started with."""
        found = self.client("stepfunctions").describe_execution(executionArn=execution["executionArn"])
        return json.loads(found["input"])

    def history(self, execution: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the events of an execution, the oldest first."""
        pages = self.client("stepfunctions").get_paginator("get_execution_history")
        listed = pages.paginate(executionArn=execution["executionArn"])
        return [event for page in listed for event in page["events"]]

    def why(self, execution: Mapping[str, Any]) -> str:
        """Return how an execution ended, in its own words."""
        found = self.client("stepfunctions").describe_execution(executionArn=execution["executionArn"])
        return f"{found['status']} {found.get('error', '')}: {found.get('cause', '')}"

    def trained(self, *, since: datetime) -> dict[str, Any]:
        """Wait until trainings since then have ended well; return the outcome of the one that did the work."""
        executions = self.ended(TRAINING, since=since)
        failed = [self.why(each) for each in executions if each["status"] != "SUCCEEDED"]
        if failed:
            raise UnmetExpectationError(f"a training failed: {failed[0]}")
        outcomes = self.lake.outcomes(since=since)
        if len(outcomes) != 1:
            raise UnmetExpectationError(
                f"{len(outcomes)} runs have an outcome, of {len(executions)} executions; expected 1"
            )
        self.noted(f"{len(executions)} executions began, one did the work: run {outcomes[0]['run']}")
        return outcomes[0]

    def released(self, *, since: datetime, version: str) -> None:
        """Wait until the release that began since then has ended with ``version`` as the champion."""
        executions = self.ended(RELEASE, since=since)
        if self.champion != version:
            raise UnmetExpectationError(f"{self.champion} is the champion, not {version}: {self.why(executions[-1])}")
        self.noted(f"{version} is the champion")

    # ---- permissions

    def decisions(self, role: str, *, since: datetime) -> dict[str, Any]:
        """Return what a role was ``allowed`` (actions) and ``refused`` (action and resource) since then."""
        return ask(self.world, "decisions", role=role, since=since.timestamp())

    # ---- the registry

    @cached_property
    def model_group(self) -> str:
        """The group of model packages."""
        return self.settings.name(MODEL_GROUP)

    def packages(self) -> list[dict[str, Any]]:
        """Return the model packages, the newest first."""
        found: list[dict[str, Any]] = self.client("sagemaker").list_model_packages(
            ModelPackageGroupName=self.model_group, SortBy="CreationTime", SortOrder="Descending", MaxResults=100
        )["ModelPackageSummaryList"]
        return found

    def package_of(self, version: str) -> dict[str, Any] | None:
        """Return a version's package, the newest if there are several."""
        return next((each for each in self.packages() if version in each.get("ModelPackageDescription", "")), None)

    def status_of(self, version: str) -> str | None:
        """Return the status of a version's package."""
        found = self.package_of(version)
        return None if found is None else str(found["ModelApprovalStatus"])

    def register(self, version: str, *, status: ModelStatus, why: str) -> str:
        """Register a version by hand, as a data scientist does; return its package."""
        place = f"{ARTIFACTS}/{MODELS}/{version}"
        answer = self.client("sagemaker").create_model_package(
            ModelPackageGroupName=self.model_group,
            ModelPackageDescription=f"{version} {_BY_HAND}: {why}",
            ModelApprovalStatus=str(status),
            InferenceSpecification={
                "Containers": [
                    {"Image": f"{REGISTRY_OF_IMAGES}/mlops-api:1", "ModelDataUrl": f"s3://{self.lake.bucket}/{place}/"}
                ],
                "SupportedContentTypes": ["application/json"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
            CustomerMetadataProperties={"version": version, "bundle": place},
        )
        self.noted(f"{version} is registered by hand as {status}: {why}")
        return str(answer["ModelPackageArn"])

    @staticmethod
    def is_by_hand(package: Mapping[str, Any]) -> bool:
        """Say whether a package was made by ``register``."""
        return f" {_BY_HAND}: " in package.get("ModelPackageDescription", "")

    # ---- alarms

    def is_over(self, name: str) -> bool:
        """Say whether an alarm, metric or composite, is not raised."""
        found = self.client("cloudwatch").describe_alarms(
            AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        return all(
            each["StateValue"] != "ALARM" for kind in ("MetricAlarms", "CompositeAlarms") for each in found[kind]
        )

    def raised(self, name: str, *, since: datetime) -> str | None:
        """Return why an alarm was raised since then; None where it was not."""
        answer = self.client("cloudwatch").describe_alarm_history(
            AlarmName=name, HistoryItemType="StateUpdate", StartDate=since, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        for item in answer["AlarmHistoryItems"]:
            new = json.loads(item["HistoryData"])["newState"]
            if new["stateValue"] == "ALARM":
                return str(new["stateReason"])
        return None

    # ---- people

    def _new_inbox(self, act: str) -> str:
        sqs, sns = self.client("sqs"), self.client("sns")
        queue: str = sqs.create_queue(QueueName=f"inbox-{act}")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topics = [each["TopicArn"] for page in sns.get_paginator("list_topics").paginate() for each in page["Topics"]]
        alerts = next(each for each in topics if each.endswith(f":{self.settings.name('alerts')}"))
        allowed = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": alerts}},
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": document})
        sns.subscribe(TopicArn=alerts, Protocol="sqs", Endpoint=arn)
        return queue

    def messages(self) -> Iterator[dict[str, str]]:
        """Yield what people were told since the last look: ``Subject`` and ``Message``."""
        sqs = self.client("sqs")
        while found := sqs.receive_message(QueueUrl=self.inbox, MaxNumberOfMessages=10).get("Messages", []):
            for each in found:
                sqs.delete_message(QueueUrl=self.inbox, ReceiptHandle=each["ReceiptHandle"])
                yield json.loads(each["Body"])

    def told(self, words: str, *, seconds: float = 30.0) -> str:
        """Wait until people are told something with ``words`` in its subject; return the message."""
        found: dict[str, str] = self.until(
            f"people are told: {words}",
            lambda: next((each for each in self.messages() if words in each.get("Subject", "")), None),
            seconds=seconds,
        )
        self.noted(f"people were told: {found['Subject']}")
        return found["Message"]

    # ---- the service

    @cached_property
    def api_key(self) -> str:
        """The key that callers send."""
        secret = self.client("secretsmanager").get_secret_value(SecretId=self.settings.name("api-key"))
        return str(secret["SecretString"])

    def predict(self, body: bytes, *, key: str | None = None, seconds: float = 30.0) -> tuple[int, Any]:
        """Ask the service through the load balancer; return the status and the answer."""
        request = urllib.request.Request(  # noqa: S310  the load balancer's address
            f"{self.service}/predict",
            data=body,
            headers={"Content-Type": "application/json", API_KEY_HEADER: self.api_key if key is None else key},
        )
        try:
            with urllib.request.urlopen(request, timeout=seconds) as response:  # noqa: S310
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            return error.code, None

    def answers(self, version: str) -> None:
        """Wait until the load balancer's address answers with ``version``."""
        body = json.dumps(basket_with_id(self.weeks.baskets(0, most=1)[0])).encode()
        self.until(
            f"{version} answers",
            lambda: (found := self.predict(body))[0] == 200 and found[1]["model_version"] == version,
            seconds=30,
        )
        self.noted(f"POST {self.service}/predict is answered by {version}")

    def sample(self, count: int, *, late: float = 0.0, from_hour: int = 24) -> list[bytes]:
        """Return requests of one basket each; a share ``late`` of them is bought at ``from_hour``, others before."""
        bodies = []
        for number, lines in enumerate(self.weeks.baskets(0, most=count)):
            basket = basket_of(lines)
            is_late = (number * late) % 1 + late >= 1
            basket["shop_hour"] = from_hour if is_late and late else min(basket["shop_hour"], from_hour - 1)
            bodies.append(json.dumps(basket).encode())
        return bodies


def basket_with_id(lines: Sequence[Row]) -> dict[str, Any]:
    """Return the basket of a weekly file's lines as ``POST /predict`` takes it."""
    return {"basket_id": int(lines[0]["BASKET_ID"]), **basket_of(lines)}
