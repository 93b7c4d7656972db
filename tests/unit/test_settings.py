"""Settings of an environment: what is wrong is said with its file and key."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from config.document import ConfigError, read_document
from config.settings import ENVIRONMENTS, FOLDER, EnvironmentSettings, load_environment


def changed(folder: Path, path: str, value: Any) -> Path:
    """Write dev's settings with one value replaced, or with ``...`` taken away."""
    values = yaml.safe_load((FOLDER / "dev.yaml").read_text())
    *parents, last = path.split(".")
    place = values
    for parent in parents:
        place = place[parent]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    target = folder / "dev.yaml"
    target.write_text(yaml.safe_dump(values))
    return target


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_each_environment_has_settings_of_its_own_name(name: str) -> None:
    settings = load_environment(name)

    assert settings.environment == name
    assert settings.name("lake") == f"mlops-{name}-lake"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("network.cidrs", "10.0.0.0/16", "network.cidrs: Extra inputs are not permitted"),
        ("network.cidr", "8.8.0.0/16", "network.cidr: Value error, 8.8.0.0/16 is not a private network"),
        ("network.cidr", "ten", "network.cidr: Value error"),
        ("network.zones", ["a"], "network.zones: "),
        ("network.nat_count", 3, "network: Value error, nat_count 3 is above the 2 zones"),
        ("network.interface_endpoints", ["sts", "sts"], "interface_endpoints names a service twice"),
        ("network.interface_endpoints", ["s4"], "network.interface_endpoints.0: "),
        ("network.flow_log_days", 8, "network.flow_log_days: "),
        ("eks.version", "latest", "eks.version: "),
        ("eks.public_access_cidrs", ["0.0.0.0/0"], "opens the cluster's API to more than a /16"),
        ("eks.api.minimum", 9, "eks.api: Value error, minimum 9"),
        ("eks", ..., "eks: Field required"),
        ("prefix", "Ours!", "prefix: "),
        ("account", 123, "account: "),
        ("on_destroy", "maybe", "on_destroy: "),
        ("jobs.wait_hours", 1, None),
        ("jobs.run_hours", 3, "jobs: Value error, wait_hours 2 is below run_hours 3"),
        ("alert_emails", ["nobody"], "alert_emails.0: "),
        ("security.key_deletion_days", 3, "security.key_deletion_days: "),
    ],
)
def test_a_wrong_key_or_value_is_named(tmp_path: Path, path: str, value: Any, said: str | None) -> None:
    file = changed(tmp_path, path, value)
    if said is None:
        read_document(EnvironmentSettings, file)
        return

    with pytest.raises(ConfigError) as caught:
        read_document(EnvironmentSettings, file)

    assert str(caught.value).startswith(f"{file}: ")
    assert said in str(caught.value)


def test_production_may_not_delete_its_data(tmp_path: Path) -> None:
    file = changed(tmp_path, "environment", "prod")

    with pytest.raises(ConfigError, match="on_destroy: prod retains its data"):
        read_document(EnvironmentSettings, file)


def test_an_account_needs_a_region(tmp_path: Path) -> None:
    file = changed(tmp_path, "region", None)

    with pytest.raises(ConfigError, match="region: an account needs a region"):
        read_document(EnvironmentSettings, file, account="123456789012")


def test_an_environment_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"qa\.yaml: there is no such file"):
        load_environment("qa")


def test_changes_take_the_place_of_the_file(tmp_path: Path) -> None:
    settings = load_environment("dev", prefix="other", region="eu-west-1")

    assert (settings.name("x"), settings.region) == ("other-dev-x", "eu-west-1")
    with pytest.raises(ConfigError, match=r"dev\.yaml: prefix: "):
        load_environment("dev", prefix="No Good")
