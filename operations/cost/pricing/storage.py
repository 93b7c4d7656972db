"""Buckets, images, features and queries."""

from collections.abc import Iterator

from operations.cost.charges import Charge, Optimisation
from operations.cost.pricing.table import Properties, prices
from operations.cost.scene import Scene

DAYS_PER_MONTH = 30
COLD = ("GLACIER", "GLACIER_IR", "DEEP_ARCHIVE")


@prices("AWS::S3::Bucket")
def bucket(logical: str, properties: Properties, scene: Scene) -> Iterator[Charge]:
    """Storage by what the lifecycle rules make of it, and requests; against everything kept in Standard for good."""
    name = "lake" if "lake" in logical.lower() else "other"
    usage = getattr(scene.usage.buckets, name)
    standard = scene.prices.usd("s3.standard_gb")
    rules = [
        rule
        for rule in properties.get("LifecycleConfiguration", {}).get("Rules", [])
        if rule.get("Status", "Enabled") == "Enabled"
    ]
    classes = {step["StorageClass"] for rule in rules for step in rule.get("Transitions", [])}
    source = f"buckets.{name}"
    yield scene.by_use("read often", "s3.standard_gb", usage.standard_gb, assumption=source)
    tier = "s3.infrequent_gb" if "INTELLIGENT_TIERING" in classes else "s3.standard_gb"
    yield scene.by_use(
        "hardly read",
        tier,
        usage.rarely_read_gb,
        assumption=source,
        savings={Optimisation.LIFECYCLE: usage.rarely_read_gb * (standard - scene.prices.usd(tier))},
    )
    yield from _old(usage.old_gb, classes, rules, source, scene)
    if properties.get("VersioningConfiguration", {}).get("Status") == "Enabled":
        yield _old_versions(usage.replaced_gb, rules, source, scene)
    yield scene.by_use("writes", "s3.put_thousand", usage.puts_thousand, assumption=source)
    yield scene.by_use("reads", "s3.get_thousand", usage.gets_thousand, assumption=source)


def _old(amount: float, classes: set[str], rules: list[Properties], source: str, scene: Scene) -> Iterator[Charge]:
    standard = scene.prices.usd("s3.standard_gb")
    if classes.intersection(COLD):
        saved = amount * (standard - scene.prices.usd("s3.glacier_gb"))
        yield scene.by_use(
            "old, in Glacier", "s3.glacier_gb", amount, assumption=source, savings={Optimisation.LIFECYCLE: saved}
        )
    elif any("ExpirationInDays" in rule for rule in rules):
        yield scene.by_use(
            "old, expired", "s3.standard_gb", 0, assumption=source, savings={Optimisation.LIFECYCLE: amount * standard}
        )
    else:
        yield scene.by_use("old", "s3.standard_gb", amount, assumption=source)


def _old_versions(monthly_gb: float, rules: list[Properties], source: str, scene: Scene) -> Charge:
    """Return the cost of versions that were written over and have not expired."""
    days = [
        days
        for rule in rules
        for days in (
            rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays"),
            rule.get("NoncurrentVersionExpirationInDays"),
        )
        if days
    ]
    unlimited = monthly_gb * scene.months_without_expiry
    kept = monthly_gb * min(days) / DAYS_PER_MONTH if days else unlimited
    return scene.by_use(
        "old versions",
        "s3.standard_gb",
        kept,
        assumption=source,
        savings={Optimisation.LIFECYCLE: (unlimited - kept) * scene.prices.usd("s3.standard_gb")},
    )


@prices("AWS::ECR::Repository")
def repository(_: str, properties: Properties, scene: Scene) -> Iterator[Charge]:
    """Images that the lifecycle policy keeps; without one they pile up."""
    kept = scene.usage.image_gb
    piled = scene.usage.image_gb_added * scene.months_without_expiry
    expires = "LifecyclePolicy" in properties
    saved = max(piled - kept, 0) * scene.prices.usd("ecr.gb") if expires else 0.0
    yield scene.by_use(
        "images",
        "ecr.gb",
        kept if expires else max(piled, kept),
        assumption="image_gb, image_gb_added",
        savings={Optimisation.LIFECYCLE: saved},
    )


@prices("AWS::SageMaker::FeatureGroup")
def feature_group(_: str, properties: Properties, scene: Scene) -> Iterator[Charge]:
    """The online store's reads, writes and storage; the offline store is in the lake's bucket."""
    if not properties.get("OnlineStoreConfig", {}).get("EnableOnlineStore"):
        return
    usage = scene.usage
    yield scene.by_use(
        "online writes",
        "feature_store.writes_million",
        usage.feature_writes_million,
        assumption="feature_writes_million",
    )
    yield scene.by_use(
        "online reads", "feature_store.reads_million", usage.feature_reads_million, assumption="feature_reads_million"
    )
    yield scene.by_use("online storage", "feature_store.gb", usage.feature_gb, assumption="feature_gb")


@prices("AWS::Athena::WorkGroup")
def workgroup(_: str, __: Properties, scene: Scene) -> Iterator[Charge]:
    """What queries scan."""
    yield scene.by_use("queries", "athena.tb", scene.usage.athena_tb, assumption="athena_tb")
