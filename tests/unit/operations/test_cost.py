"""Prices against figures worked out by hand, and the promise that nothing is silently free."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from config.document import ConfigError, check_values
from config.settings import EnvironmentSettings, load_environment
from operations.cost import __main__ as command
from operations.cost.charges import Basis, Optimisation
from operations.cost.choices import break_evens, choices, remedies
from operations.cost.estimate import Estimate, estimate, load_free_types
from operations.cost.prices import PriceList, UnknownPriceError, load_prices
from operations.cost.pricing import PRICED
from operations.cost.report import to_json, verdict
from operations.cost.usage import load_assumptions
from stacks.constructs.services_called import S3, SERVICES_CALLED
from tests.stacks.assembly import ENVIRONMENTS, environment

HOURS = 730
US_TO_SINGAPORE = 1.3
PRICES = load_prices()
ASSUMPTIONS = load_assumptions()

ENDPOINT = {
    "Type": "AWS::EC2::VPCEndpoint",
    "Properties": {
        "VpcEndpointType": "Interface",
        "ServiceName": {"Fn::Join": ["", ["com.amazonaws.", {"Ref": "AWS::Region"}, ".ecr.api"]]},
        "SubnetIds": [{"Ref": "A"}, {"Ref": "B"}],
    },
}
S3_GATEWAY = {
    "Type": "AWS::EC2::VPCEndpoint",
    "Properties": {"VpcEndpointType": "Gateway", "ServiceName": "com.amazonaws.ap-southeast-1.s3"},
}
NAT_GATEWAY = {"Type": "AWS::EC2::NatGateway", "Properties": {}}
NAT_INSTANCE = {
    "Type": "AWS::EC2::Instance",
    "Properties": {"InstanceType": "t4g.nano", "SourceDestCheck": False},
}
SCHEDULE = {
    "Type": "AWS::Scheduler::Schedule",
    "Properties": {"Target": {"Arn": "arn:aws:scheduler:::aws-sdk:eks:updateNodegroupConfig"}},
}


def nodes(*, desired: int, capacity: str = "ON_DEMAND", types: tuple[str, ...] = ("t3.medium",)) -> dict[str, Any]:
    return {
        "Type": "AWS::EKS::Nodegroup",
        "Properties": {
            "ScalingConfig": {"DesiredSize": desired},
            "CapacityType": capacity,
            "InstanceTypes": list(types),
            "DiskSize": 20,
        },
    }


def price(*resources: Mapping[str, Any], settings: EnvironmentSettings | None = None, name: str = "prod") -> Estimate:
    """Estimate one stack of ``resources`` with ``settings``, or those of the environment ``name``."""
    chosen = settings or load_environment(name)
    template = {"Resources": {f"R{number}": resource for number, resource in enumerate(resources)}}
    return estimate(chosen, {chosen.name("stack"): template}, prices=PRICES, assumptions=ASSUMPTIONS)


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def whole(request: pytest.FixtureRequest) -> Estimate:
    name: str = request.param
    return estimate(load_environment(name), environment(name).templates, prices=PRICES, assumptions=ASSUMPTIONS)


def test_an_interface_endpoint_costs_by_zone_and_hour_and_by_gigabyte() -> None:
    found = price(ENDPOINT)
    assert found.by_basis(Basis.ALWAYS_ON) == pytest.approx(2 * HOURS * 0.010 * US_TO_SINGAPORE)
    gigabytes = ASSUMPTIONS.prod.service_gb["ecr.api"]
    assert found.by_basis(Basis.BY_USE) == pytest.approx(gigabytes * 0.010 * US_TO_SINGAPORE)


def test_a_nat_gateway_costs_43_dollars_a_month_and_by_every_gigabyte_that_no_endpoint_takes() -> None:
    alone, beside = price(NAT_GATEWAY), price(NAT_GATEWAY, ENDPOINT, S3_GATEWAY)
    assert alone.by_basis(Basis.ALWAYS_ON) == pytest.approx(43.07)
    usage = ASSUMPTIONS.prod
    everything = usage.s3_gb + usage.internet_gb + sum(usage.service_gb.values())
    assert alone.by_basis(Basis.BY_USE) == pytest.approx(everything * 0.059)
    (data,) = [line for line in beside.lines if "NAT gateway" in line.charge.what and line.charge.basis == Basis.BY_USE]
    assert data.charge.quantity == pytest.approx(everything - usage.s3_gb - usage.service_gb["ecr.api"])


def test_a_nat_instance_saves_a_gateway_in_every_zone_and_its_gigabytes() -> None:
    found = price(NAT_INSTANCE, S3_GATEWAY, name="dev")
    own = HOURS * (0.0042 * US_TO_SINGAPORE + 0.005)
    assert found.by_basis(Basis.ALWAYS_ON) == pytest.approx(own + 8 * 0.096)
    usage = ASSUMPTIONS.dev
    through = (usage.internet_gb + sum(usage.service_gb.values())) * 0.059
    assert found.savings()[Optimisation.EGRESS] == pytest.approx(2 * HOURS * (0.059 + 0.005) + through - own)


def test_the_gateway_endpoint_is_free_and_spares_the_egress_the_traffic_to_s3() -> None:
    found = price(S3_GATEWAY)
    assert found.total == 0
    assert found.savings()[Optimisation.S3_GATEWAY] == pytest.approx(ASSUMPTIONS.prod.s3_gb * 0.059)


def test_nodes_that_are_off_108_of_168_hours_cost_as_much_less() -> None:
    always, asleep = price(nodes(desired=1), name="dev"), price(nodes(desired=1), SCHEDULE, name="dev")
    month = HOURS * 0.0528 + 20 * 0.096
    assert always.total == pytest.approx(month)
    groups = [line.charge.monthly for line in asleep.lines if line.kind == "AWS::EKS::Nodegroup"]
    assert sum(groups) == pytest.approx(month * 60 / 168)
    assert asleep.savings()[Optimisation.OFF_HOURS] == pytest.approx(month * 108 / 168)


def test_settings_that_say_off_hours_save_nothing_where_no_schedule_was_made() -> None:
    assert load_environment("dev").off_hours is not None
    assert price(nodes(desired=1), name="dev").savings()[Optimisation.OFF_HOURS] == 0


def test_spot_nodes_at_rest_cost_their_batch_hours_at_the_mean_of_their_types_less_the_discount() -> None:
    found = price(nodes(desired=0, capacity="SPOT", types=("t3.medium", "m5.large")))
    hours = ASSUMPTIONS.prod.batch_node_hours
    on_demand = hours * (0.0528 + 0.096 * US_TO_SINGAPORE) / 2
    volume = 20 * hours / HOURS * 0.096
    assert found.total == pytest.approx(on_demand * 0.4 + volume)
    assert found.savings()[Optimisation.SPOT] == pytest.approx(on_demand * 0.6)


def test_node_volumes_are_those_of_the_launch_template() -> None:
    template = {
        "Type": "AWS::EC2::LaunchTemplate",
        "Properties": {"LaunchTemplateData": {"BlockDeviceMappings": [{"Ebs": {"VolumeSize": 50}}]}},
    }
    group = nodes(desired=2)
    del group["Properties"]["DiskSize"]
    group["Properties"]["LaunchTemplate"] = {"Id": {"Ref": "R0"}}
    (volumes,) = [line for line in price(template, group).lines if "volumes" in line.charge.what]
    assert volumes.charge.monthly == pytest.approx(2 * 50 * 0.096)


def test_a_lifecycle_makes_storage_cheaper_and_without_one_everything_piles_up() -> None:
    versioned = {"VersioningConfiguration": {"Status": "Enabled"}}
    rules = [
        {"Status": "Enabled", "Transitions": [{"StorageClass": "INTELLIGENT_TIERING", "TransitionInDays": 0}]},
        {"Status": "Enabled", "Transitions": [{"StorageClass": "GLACIER", "TransitionInDays": 90}]},
        {"Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 90}},
    ]
    bare = {"Type": "AWS::S3::Bucket", "Properties": versioned}
    ruled = {"Type": "AWS::S3::Bucket", "Properties": versioned | {"LifecycleConfiguration": {"Rules": rules}}}
    found, before = price(ruled), price(bare)
    usage = ASSUMPTIONS.prod.buckets.other
    by_what = {line.charge.what: line.charge for line in found.lines}
    assert by_what["old versions"].quantity == pytest.approx(3 * usage.replaced_gb)
    assert by_what["old, in Glacier"].monthly == pytest.approx(usage.old_gb * 0.0036 * US_TO_SINGAPORE)
    assert found.before == pytest.approx(before.total)
    assert found.total < before.total


def test_logs_are_paid_when_they_come_in_and_while_they_are_kept() -> None:
    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "vpc-flow", "RetentionInDays": 90}}
    gigabytes = ASSUMPTIONS.prod.logs_gb.flow
    assert price(group).total == pytest.approx(gigabytes * 0.70 + 3 * gigabytes * 0.03 * US_TO_SINGAPORE)


def test_a_price_of_another_region_is_marked_up_and_marked() -> None:
    assert PRICES.usd("eks.cluster_hour") == 0.10
    assert PRICES.usd("nat_gateway.hour") == 0.059
    assert PRICES.usd("kms.key") == pytest.approx(1.30)
    (key,) = [line for line in price({"Type": "AWS::KMS::Key"}).lines if line.charge.what == "key"]
    assert key.charge.estimated


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"region": "us-east-1", "estimated": False, "mark_up": 1.3}, "estimated must be True"),
        ({"region": "ap-southeast-1", "estimated": False, "mark_up": 1.3}, "is marked up"),
    ],
)
def test_a_source_that_hides_its_region_is_refused(source: dict[str, Any], message: str) -> None:
    values = {
        "date": "2026-11-21",
        "region": "ap-southeast-1",
        "spot_discount": 0.6,
        "sources": {"one": {"title": "A list", "date": "2026-01", **source}},
        "prices": {},
    }
    with pytest.raises(ConfigError, match=message):
        check_values(PriceList, values, origin="prices")


def test_a_type_without_a_price_is_listed_and_said() -> None:
    found = price({"Type": "AWS::Redshift::Cluster"}, {"Type": "AWS::IAM::Role"})
    assert found.unpriced == {"AWS::Redshift::Cluster": 1}
    assert found.free == {"AWS::IAM::Role": 1}
    assert any("AWS::Redshift::Cluster" in sentence for sentence in verdict(found))


def test_every_priced_resource_has_a_line_even_where_it_costs_nothing() -> None:
    found = price({"Type": "AWS::EKS::Addon", "Properties": {"AddonName": "coredns"}})
    assert [(line.resource, line.charge.monthly) for line in found.lines] == [("R0", 0)]


def test_an_instance_type_without_a_price_is_an_error_that_names_it() -> None:
    with pytest.raises(UnknownPriceError, match=r"ec2\.x9\.huge"):
        price(nodes(desired=1, types=("x9.huge",)))


def test_no_type_is_both_priced_and_free() -> None:
    assert set(PRICED).isdisjoint(load_free_types().types)


def test_every_resource_of_every_template_is_priced_or_known_to_be_free(whole: Estimate) -> None:
    assert dict(whole.unpriced) == {}


def test_every_service_that_is_called_has_an_assumed_traffic(whole: Estimate) -> None:
    called = {service.name for service in SERVICES_CALLED} - {S3}
    assert called | whole.scene.endpoint_services <= set(whole.scene.usage.service_gb)


def test_the_target_is_kept_or_the_report_names_settings_that_would_keep_it(whole: Estimate) -> None:
    wanted = remedies(whole)
    assert whole.total - sum(each.saves for each in wanted) < whole.target
    assert all(any(each.setting in sentence for sentence in verdict(whole)) for each in wanted)
    assert whole.within == (not wanted)


def test_what_kubernetes_makes_is_in_the_sum(whole: Estimate) -> None:
    outside = whole.by_stack()["outside the templates"]
    load_balancer = HOURS * (0.0252 + whole.scene.zones * 0.005)
    assert outside[Basis.ALWAYS_ON] == pytest.approx(load_balancer)


def test_the_optimisations_account_for_the_whole_difference(whole: Estimate) -> None:
    assert whole.before - sum(whole.savings().values()) == pytest.approx(whole.total)


def test_the_data_of_the_estimate_adds_up(whole: Estimate) -> None:
    content = json.loads(json.dumps(to_json([whole], PRICES)))["environments"][whole.environment]
    assert sum(line["monthly"] for line in content["lines"]) == pytest.approx(content["monthly"], abs=0.02)
    assert content["always_on"] + content["by_use"] == pytest.approx(content["monthly"], abs=0.02)


def test_an_endpoint_beside_a_gateway_pays_from_413_gigabytes_a_month() -> None:
    first, *_ = break_evens(price(NAT_GATEWAY).scene)
    assert first.gigabytes == pytest.approx(2 * 730 * 0.013 / (0.059 - 0.013))


def test_a_broken_target_names_the_dearest_and_what_would_help() -> None:
    cheap = load_environment("prod", budget={"monthly_usd": 40, "actual_percent": [100]})
    found = price(NAT_GATEWAY, ENDPOINT, settings=cheap)
    words = " ".join(verdict(found))
    assert not found.within
    assert "above the target of 40" in words
    assert "EC2 NatGateway" in words
    assert "network.egress: nat_instance" in words
    assert remedies(found) == choices(found)[: len(remedies(found))]


def test_a_kept_target_asks_for_no_remedy() -> None:
    assert remedies(price(NAT_GATEWAY)) == []


def test_a_mistyped_assumption_is_an_error_that_names_file_and_key(tmp_path: Path) -> None:
    file = tmp_path / "usage.yaml"
    file.write_text("hours: 730\nmonths_without_expiry: 24\ndev: {nat_gigabytes: 3}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"usage\.yaml: .*dev\.nat_gigabytes"):
        load_assumptions(file)


def test_the_command_saves_page_and_data_and_is_strict_only_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = {"Resources": {"Unknown": {"Type": "AWS::Redshift::Cluster"}, "Nat": NAT_GATEWAY}}
    monkeypatch.setattr(command, "synthesize", lambda _: {"mlops-prod-network": stack})
    arguments = ["--environment", "prod", "--output", str(tmp_path)]
    assert command.main(arguments) == 0
    assert {each.name for each in tmp_path.iterdir()} == {"cost.html", "cost.json"}
    assert "AWS::Redshift::Cluster" in (tmp_path / "cost.html").read_text(encoding="utf-8")
    assert "AWS::Redshift::Cluster" in capsys.readouterr().out
    assert command.main([*arguments, "--strict"]) == 1


def test_the_command_says_which_price_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = {"Resources": {"Nodes": nodes(desired=1, types=("x9.huge",))}}
    monkeypatch.setattr(command, "synthesize", lambda _: {"mlops-dev-eks": stack})
    assert command.main(["--environment", "dev", "--output", str(tmp_path)]) == 2
    assert "prices.yaml has no price ec2.x9.huge" in capsys.readouterr().err
