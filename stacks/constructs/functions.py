"""Lambda functions: one package of code, one layer of libraries, and for each a role of its own."""

import hashlib
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aws_cdk as cdk
import jsii
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.base import PlatformStack
from stacks.constructs.log_group import EncryptedLogGroup
from stacks.constructs.wildcards import allow_pattern

ROOT: Final = Path(__file__).parents[2]
LOCK: Final = ROOT / "requirements" / "lambdas.txt"
RUNTIME: Final = lambda_.Runtime.PYTHON_3_14
_PYTHON: Final = "3.14"
_PLATFORM: Final = "x86_64-manylinux_2_28"
# The runtime brings these; boto3's own dependencies are small and stay in the layer.
_OF_THE_RUNTIME: Final = frozenset({"boto3", "botocore", "s3transfer"})


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a function gets: seconds until it is stopped, and memory, which buys processor, too."""

    seconds: int
    memory_mb: int = 256


class Functions(Construct):
    """The environment's functions: they share code and libraries, and differ in handler, role and size."""

    def __init__(self, stack: PlatformStack, *, logs_key: kms.IKey) -> None:
        super().__init__(stack, "Functions")
        self._stack = stack
        self._logs_key = logs_key
        self._code = lambda_.Code.from_asset(
            str(ROOT),
            exclude=["*", "!config", "!config/*.py", "!lambdas", "**/__pycache__"],
            ignore_mode=cdk.IgnoreMode.DOCKER,
        )
        self._libraries = lambda_.LayerVersion(
            self,
            "Libraries",
            layer_version_name=stack.settings.name("libraries"),
            description="Libraries of the functions, as requirements/lambdas.txt locks them",
            code=lambda_.Code.from_asset(
                str(LOCK.parent),
                # What is staged is what bundling leaves; the hash says when it has to run again.
                asset_hash_type=cdk.AssetHashType.CUSTOM,
                asset_hash=hashlib.sha256(f"{_PYTHON} {_PLATFORM} {_wanted(LOCK)}".encode()).hexdigest(),
                bundling=cdk.BundlingOptions(image=RUNTIME.bundling_image, local=_Libraries()),
            ),
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[lambda_.Architecture.X86_64],
        )

    def add(
        self,
        name: str,
        *,
        description: str,
        size: Size,
        environment: Mapping[str, str],
        vpc: ec2.IVpc | None = None,
        security_group: ec2.ISecurityGroup | None = None,
    ) -> lambda_.Function:
        """Return the function whose handler is ``lambdas/<name>/handler.py``; its role may write its log and traces."""
        stack = self._stack
        component = name.replace("_", "-")
        title = "".join(part.capitalize() for part in name.split("_"))
        full_name = stack.settings.name(component)
        log_group = EncryptedLogGroup(
            self,
            f"{title}Log",
            name=f"/aws/lambda/{full_name}",
            key=self._logs_key,
            days=stack.settings.flow.log_days,
            removal_policy=stack.removal_policy,
        )
        role = iam.Role(
            self,
            f"{title}Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"The function {full_name}",
        )
        _may_log_and_trace(role, log_group)
        return lambda_.Function(
            self,
            title,
            function_name=full_name,
            description=description,
            runtime=RUNTIME,
            architecture=lambda_.Architecture.X86_64,
            handler=f"lambdas.{name}.handler.handler",
            code=self._code,
            layers=[self._libraries],
            role=role,
            timeout=cdk.Duration.seconds(size.seconds),
            memory_size=size.memory_mb,
            environment={"POWERTOOLS_LOG_LEVEL": "INFO", **environment},
            environment_encryption=self._logs_key,
            tracing=lambda_.Tracing.ACTIVE,
            log_group=log_group,
            vpc=vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS) if vpc else None,
            security_groups=[security_group] if security_group else None,
        )


@jsii.implements(cdk.ILocalBundling)
class _Libraries:
    """Installs the layer's libraries with uv, so that whoever deploys needs no Docker."""

    def try_bundle(self, output_dir: str, options: cdk.BundlingOptions | None = None, **_: Any) -> bool:  # noqa: ARG002  jsii's own signature
        """Install into ``output_dir``/python, where Lambda looks; wheels only, each with a hash of the lock."""
        wanted = Path(output_dir) / "wanted.txt"
        wanted.write_text(_wanted(LOCK), encoding="utf-8")
        command = ["uv", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
        place = ["--python", sys.executable, "--python-version", _PYTHON, "--python-platform", _PLATFORM]
        subprocess.run(  # noqa: S603  our own command line
            [*command, *place, "--target", f"{output_dir}/python", "--requirement", str(wanted)], check=True
        )
        wanted.unlink()
        return True


def _wanted(lock: Path) -> str:
    """Return the lock's requirements without comments and without what the runtime brings."""
    lines = lock.read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    kept = [re.sub(r"\s+", " ", line) for line in lines if line and not line.lstrip().startswith("#")]
    return "\n".join(line for line in kept if re.split(r"[=\[ ;]", line)[0] not in _OF_THE_RUNTIME)


def _may_log_and_trace(role: iam.Role, log_group: EncryptedLogGroup) -> None:
    role.add_to_policy(
        iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[log_group.log_group_arn])
    )
    allow_pattern(
        role,
        iam.PolicyStatement(actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources=["*"]),
        reason="Traces belong to no resource.",
    )


def allow_network_interfaces(role: iam.Role) -> None:
    """Let Lambda put the role's function into a VPC."""
    allow_pattern(
        role,
        iam.PolicyStatement(
            actions=[
                "ec2:CreateNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
                "ec2:DeleteNetworkInterface",
                "ec2:AssignPrivateIpAddresses",
                "ec2:UnassignPrivateIpAddresses",
            ],
            resources=["*"],
        ),
        reason="Lambda makes the interfaces by the function's role, and checks these permissions without naming any.",
    )
