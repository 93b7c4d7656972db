"""Is everything here that a deployment needs: tools, credentials, bootstrap, quotas, settings?

    python -m operations.doctor dev

Each line is ok, a warning or a problem with what to do. Ends with 0 without problems, otherwise with 1.
"""

from collections.abc import Iterator
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from config.delivery import EXAMPLE_REPOSITORY, DeliverySettings, load_delivery
from config.settings import EnvironmentSettings
from operations.finding import Finding, ok, problem, report, warning
from operations.options import changes, environment_parser, error_code, finish, settings_of
from operations.quotas import Clients, check_quotas
from operations.versions import check_versions

# Of `cdk bootstrap`; the assembly's manifest asks for it.
BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"
BOOTSTRAP_VERSION = 6


def examine(settings: EnvironmentSettings, delivery: DeliverySettings, session: Any) -> Iterator[Finding]:
    """Yield all findings on one environment; what needs credentials is left out, saying so, without them."""
    yield from check_versions()
    yield from check_settings(settings, delivery)
    if session.region_name is None:
        yield problem("region", "none", f"set it in config/{settings.environment}.yaml, or AWS_REGION")
        return
    yield ok("region", session.region_name)
    credentials = check_credentials(settings, session.client("sts"))
    yield credentials
    if credentials.advice:
        yield warning("zones, bootstrap, quotas", "not looked at", "they need credentials")
        return
    yield check_zones(settings, session.client("ec2"))
    yield check_bootstrap(session.client("ssm"))
    clients = Clients(ec2=session.client("ec2"), eks=session.client("eks"), quotas=session.client("service-quotas"))
    try:
        yield from check_quotas(settings, clients)
    except ClientError as error:
        yield warning("quotas", f"could not be read: {error}", "read access to ec2, eks and servicequotas is needed")


def check_settings(settings: EnvironmentSettings, delivery: DeliverySettings) -> Iterator[Finding]:
    """Yield a finding for each setting that a person should have filled in."""
    if delivery.repository == EXAMPLE_REPOSITORY:
        advice = "say which is yours in config/delivery.yaml before make deploy-delivery"
        yield warning("repository", f"{delivery.repository} is an example", advice)
    else:
        yield ok("repository", f"{delivery.repository}, branch {delivery.branch}")
    file = f"config/{settings.environment}.yaml"
    if not settings.alert_emails:
        yield warning("alerts", "go to nobody", f"add alert_emails in {file}")
    if not settings.eks.admin_role_arns:
        yield warning("cluster", "only whoever deploys it may use kubectl", f"add eks.admin_role_arns in {file}")


def check_credentials(settings: EnvironmentSettings, sts: Any) -> Finding:
    """Return who the credentials are of, and whether that is the settings' account."""
    try:
        identity = sts.get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        return problem("credentials", str(error), "run 'aws sso login', or set AWS_PROFILE")
    if settings.account not in (None, identity["Account"]):
        advice = f"{settings.environment} is in account {settings.account}: set AWS_PROFILE"
        return problem("credentials", identity["Arn"], advice)
    return ok("credentials", identity["Arn"])


def check_zones(settings: EnvironmentSettings, ec2: Any) -> Finding:
    """Return whether this account has the zones of the settings in the region."""
    described = ec2.describe_availability_zones()["AvailabilityZones"]
    there = {zone["ZoneName"][-1] for zone in described if zone["State"] == "available"}
    missing = sorted(set(settings.network.zones) - there)
    if missing:
        advice = f"network.zones in config/{settings.environment}.yaml: choose of {', '.join(sorted(there))}"
        return problem("zones", f"no zone {', '.join(missing)} here", advice)
    return ok("zones", ", ".join(settings.network.zones))


def check_bootstrap(ssm: Any) -> Finding:
    """Return whether the account and region are prepared for CDK."""
    try:
        version = int(ssm.get_parameter(Name=BOOTSTRAP)["Parameter"]["Value"])
    except ClientError as error:
        if error_code(error) == "ParameterNotFound":
            return problem("bootstrap", "this account and region are not prepared for CDK", "make bootstrap")
        return warning("bootstrap", f"could not be read: {error}", "ssm:GetParameter is needed")
    if version < BOOTSTRAP_VERSION:
        return problem("bootstrap", f"version {version}, {BOOTSTRAP_VERSION} is needed", "make bootstrap")
    return ok("bootstrap", f"version {version}")


def main() -> int:
    """Look at everything and print it."""
    arguments = environment_parser(__doc__, "doctor").parse_args()
    settings = settings_of(arguments)
    session = boto3.Session(region_name=settings.region)
    return report(examine(settings, load_delivery(**changes(arguments)), session))


if __name__ == "__main__":
    finish(main)
