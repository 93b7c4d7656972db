"""Keys, secrets and the audit trail."""

from collections.abc import Iterator

from operations.cost.charges import Charge
from operations.cost.pricing.table import Properties, prices
from operations.cost.scene import Scene


@prices("AWS::KMS::Key")
def key(_: str, __: Properties, scene: Scene) -> Iterator[Charge]:
    """The key and its requests; each of the first two yearly rotations will add the price of a key."""
    yield scene.charge("key", "kms.key", 1)
    yield scene.by_use(
        "requests",
        "kms.requests_10k",
        scene.usage.kms_requests / scene.count("AWS::KMS::Key") / 1e4,
        assumption="kms_requests, shared by the keys",
    )


@prices("AWS::SecretsManager::Secret")
def secret(_: str, __: Properties, scene: Scene) -> Iterator[Charge]:
    """The secret and its requests."""
    yield scene.charge("secret", "secrets.secret", 1)
    yield scene.by_use(
        "requests",
        "secrets.requests_10k",
        scene.usage.secret_requests / scene.count("AWS::SecretsManager::Secret") / 1e4,
        assumption="secret_requests, shared by the secrets",
    )


@prices("AWS::CloudTrail::Trail")
def trail(_: str, properties: Properties, scene: Scene) -> Iterator[Charge]:
    """The first copy of management events is free; data events are not."""
    selectors = [*properties.get("EventSelectors", []), *properties.get("AdvancedEventSelectors", [])]
    # Advanced selectors name the category among their fields, plain ones have the resources.
    if any(each.get("DataResources") or "Data" in str(each.get("FieldSelectors", "")) for each in selectors):
        yield scene.by_use(
            "data events", "cloudtrail.data_events_100k", scene.usage.data_events / 1e5, assumption="data_events"
        )
