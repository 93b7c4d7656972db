"""What the Kubernetes manifests let in and out, and what they tell the pods."""

import ipaddress
import json
import re

from config.names import CLUSTER, LAKE, MODEL_VERSION_VARIABLE, NO_VERSION, TRAINING
from config.settings import load_environment
from tests.manifests import (
    API_LABELS,
    EVERY_OVERLAY,
    FOLDER,
    OVERLAYS,
    annotation,
    api_container,
    attributes,
    built,
    built_text,
    containers,
    of_kind,
    only,
    overlay,
    pod_templates,
    settings,
)

# Stands for the account of whoever deploys.
ACCOUNT = "111122223333"


# ---- what is reachable -------------------------------------------------------------------------------------


@EVERY_OVERLAY
def test_nothing_is_reachable_but_the_apis_port_from_the_vpc(environment: str) -> None:
    policies = of_kind(overlay(environment), "NetworkPolicy")
    closed = [each for each in policies if each["spec"]["podSelector"] == {}]
    assert [each["spec"] for each in closed] == [{"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}]

    opening = [each["spec"] for each in policies if each["spec"].get("ingress")]

    (spec,) = opening
    assert spec["podSelector"]["matchLabels"] == API_LABELS
    ((rule),) = spec["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": api_container(environment)["ports"][0]["containerPort"]}]
    (source,) = rule["from"]
    network = ipaddress.IPv4Network(source["ipBlock"]["cidr"])
    assert network.is_private
    assert network.prefixlen >= 16
    assert only(overlay(environment), "Service")["spec"]["type"] == "ClusterIP"


@EVERY_OVERLAY
def test_the_network_let_in_is_the_environments_own(environment: str) -> None:
    (rule,) = only(overlay(environment), "NetworkPolicy", "inference")["spec"]["ingress"]

    assert rule["from"] == [{"ipBlock": {"cidr": load_environment(environment).network.cidr}}]


def test_the_base_alone_lets_nobody_in() -> None:
    (rule,) = only(built(FOLDER / "base"), "NetworkPolicy", "inference")["spec"]["ingress"]

    assert rule["from"] == [{"ipBlock": {"cidr": "0.0.0.0/32"}}]


@EVERY_OVERLAY
def test_pods_call_names_their_credentials_aws_and_metrics_and_never_the_nodes_metadata(environment: str) -> None:
    rules = [rule for each in of_kind(overlay(environment), "NetworkPolicy") for rule in each["spec"].get("egress", [])]

    assert {port["port"] for rule in rules for port in rule["ports"]} == {53, 80, 443, 25888}
    metadata = ipaddress.IPv4Address("169.254.169.254")
    for rule in rules:
        for target in rule["to"]:
            block = target.get("ipBlock")
            if block is not None and metadata in ipaddress.IPv4Network(block["cidr"]):
                assert any(metadata in ipaddress.IPv4Network(hole) for hole in block["except"])


@EVERY_OVERLAY
def test_the_load_balancer_speaks_https_only_and_knows_two_routes(environment: str) -> None:
    ingress = only(overlay(environment), "Ingress")
    (rule,) = ingress["spec"]["rules"]

    assert ingress["spec"]["ingressClassName"] == "alb"
    assert json.loads(annotation(environment, "listen-ports")) == [{"HTTPS": 443}]
    assert annotation(environment, "ssl-policy").startswith("ELBSecurityPolicy-TLS13-")
    assert annotation(environment, "certificate-arn").startswith("arn:aws:acm:")
    assert annotation(environment, "target-type") == "ip"
    assert {path["path"]: path["pathType"] for path in rule["http"]["paths"]} == {
        "/predict": "Exact",
        "/healthz": "Exact",
    }
    assert {path["backend"]["service"]["name"] for path in rule["http"]["paths"]} == {"inference"}
    balancer = attributes(environment, "load-balancer-attributes")
    assert balancer["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert ("deletion_protection.enabled" in balancer) == (environment == "prod")


def test_each_environment_answers_under_its_own_host_name() -> None:
    hosts = {only(overlay(each), "Ingress")["spec"]["rules"][0]["host"] for each in OVERLAYS}

    assert len(hosts) == len(OVERLAYS)
    assert "api.invalid" not in hosts


def test_development_is_not_open_to_the_world() -> None:
    assert annotation("dev", "inbound-cidrs") == "203.0.113.0/24"


# ---- settings ----------------------------------------------------------------------------------------------


@EVERY_OVERLAY
def test_settings_name_the_environments_own_lake_key_and_images(environment: str) -> None:
    platform = load_environment(environment)
    registry = f"{ACCOUNT}.dkr.ecr.{platform.region}.amazonaws.com"
    images = {
        container["name"]: container["image"].rpartition(":")[0]
        for _, template in pod_templates(overlay(environment))
        for container in containers(template["spec"])
    }

    assert settings(environment)["data"] == {
        "MLOPS_ENVIRONMENT": environment,
        "AWS_REGION": platform.region,
        "MLOPS_LAKE": f"s3://{platform.name(LAKE)}-{ACCOUNT}-{platform.region}",
        "MLOPS_API_KEY_SECRET": platform.name("api-key"),
        "AWS_EMF_AGENT_ENDPOINT": "tcp://cloudwatch-agent.amazon-cloudwatch:25888",
        "AWS_EMF_LOG_GROUP_NAME": f"/aws/containerinsights/{platform.name(CLUSTER)}/application",
        MODEL_VERSION_VARIABLE: NO_VERSION,
    }
    assert images == {
        "api": f"{registry}/{platform.name('api')}",
        "refine": f"{registry}/{platform.name(TRAINING)}",
        "fetch": "public.ecr.aws/aws-cli/aws-cli",
        "publish": "public.ecr.aws/aws-cli/aws-cli",
    }
    assert annotation(environment, "certificate-arn").startswith(f"arn:aws:acm:{platform.region}:{ACCOUNT}:")
    assert annotation(environment, "load-balancer-name") == platform.name("api")


@EVERY_OVERLAY
def test_an_account_is_named_in_two_files_only_so_one_replacement_makes_them_yours(environment: str) -> None:
    holding = {path.name for path in (FOLDER / "overlays").rglob("*") if path.is_file() and ACCOUNT in path.read_text()}

    assert holding == {"kustomization.yaml", "settings.env"}
    assert set(re.findall(r"\b\d{12}\b", built_text(FOLDER / "overlays" / environment))) == {ACCOUNT}


@EVERY_OVERLAY
def test_no_manifest_holds_a_secret(environment: str) -> None:
    objects = overlay(environment)
    text = built_text(FOLDER / "overlays" / environment)

    assert not of_kind(objects, "Secret")
    assert not re.search(r"secretKeyRef|AKIA[0-9A-Z]{16}|PRIVATE KEY|password|stringData", text)
    # What is called a key or a secret is a name of one, nothing long and random.
    for name, value in settings(environment)["data"].items():
        if re.search("KEY|SECRET|TOKEN", name):
            assert re.fullmatch(rf"mlops-{environment}-[a-z-]+", value), name
