"""An account with raw files and a finished run, for tests of the training's functions."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from moto import mock_aws

from lambdas.common.runs import RunFolder
from lambdas.common.training import TrainingSettings, TrainingTools
from tests.flow import AT, BUCKET, GROUP, REGION, USE_CASE, Account, clients

MACHINE = f"arn:aws:states:{REGION}:{'1' * 12}:stateMachine:mlops-test-training"
SETTINGS = TrainingSettings(
    bucket=BUCKET,
    use_case=USE_CASE,
    fingerprint="jobs:1",
    model_group=GROUP,
    api_image="registry.local/mlops-api:0.1.0",
    approval="gate",
)
RUN = "200608-0123456789"


class TrainingAccount(Account):
    """An account whose bucket keeps versions, with a state machine whose executions a test ends as it likes."""

    def __init__(self) -> None:
        super().__init__(clients(), cluster=False)
        self.s3, self.stepfunctions = clients().of("s3"), clients().of("stepfunctions")
        self.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        self.machine = self.stepfunctions.create_state_machine(
            name="mlops-test-training",
            definition=json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}),
            roleArn=f"arn:aws:iam::{'1' * 12}:role/states",
        )["stateMachineArn"]

    def start(self, name: str) -> str:
        """Start an execution; return its ARN."""
        return str(self.stepfunctions.start_execution(stateMachineArn=self.machine, name=name)["executionArn"])

    def upload(self, week: int, content: bytes = b"lines") -> str:
        """Put a weekly file below raw/; return its key."""
        key = f"raw/transactions_{week}.csv"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=content)
        return key

    def put_bytes(self, key: str, content: bytes) -> None:
        """Write an object that is no JSON."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=content)

    def keys(self, prefix: str) -> list[str]:
        """Return the keys below ``prefix``."""
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return sorted(each["Key"] for each in listed)

    def package_count(self) -> int:
        """Return how many packages the group has."""
        answer = clients().of("sagemaker").list_model_packages(ModelPackageGroupName=GROUP)
        return len(answer["ModelPackageSummaryList"])


@contextmanager
def training_account() -> Iterator[TrainingAccount]:
    """Return an account of its own, gone afterwards."""
    with mock_aws():
        yield TrainingAccount()


def tools(**changes: Any) -> TrainingTools:
    """Return a function's tools in this process."""
    return TrainingTools(SETTINGS.model_copy(update=changes), clients())


def evaluated(account: TrainingAccount, *, accepted: bool = True, version: str = "200608-abcdef0123") -> None:
    """Leave what a run's jobs leave: evaluation, reports and the winner's archive."""
    folder = RunFolder(tools().objects, RUN)
    figures = {"accuracy": 0.91, "macro_f1": 0.88, "class_precision_minimum": 0.8}
    evaluation = {
        "winner": "xgboost",
        "candidates": [
            {"name": "majority", "version": "200608-9999999999", "holdout": _figures(figures, less=0.4)},
            {"name": "xgboost", "version": version, "holdout": _figures(figures)},
        ],
        "champion": None,
        "decision": {
            "accepted": accepted,
            "status": "Approved" if accepted else "Rejected",
            "reasons": ["accuracy 0.91 reaches the required 0.80."],
        },
        "lineage": {"inputs": [{"name": "transactions_200608.csv", "sha256": "00"}]},
    }
    account.put(f"{folder.place}/evaluation/evaluation.json", evaluation)
    account.put_bytes(f"{folder.place}/evaluation/report.html", b"<html></html>")
    account.put_bytes(f"{folder.place}/evaluation/model_card.md", b"# Card")
    account.put_bytes(f"{folder.place}/candidates/xgboost/a-job/output/model.tar.gz", archive(version))


def archive(version: str, *, damaged: bool = False) -> bytes:
    """Return a candidate's archive as SageMaker packs it."""
    model = b"onnx"
    manifest = {"version": version, "files": {"model.onnx": hashlib.sha256(model).hexdigest()}, "classes": []}
    files: Mapping[str, bytes] = {
        "./model.onnx": b"other" if damaged else model,
        "./training.json": b"{}",
        "./manifest.json": json.dumps(manifest).encode(),
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as contents:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            contents.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _figures(figures: Mapping[str, float], *, less: float = 0.0) -> dict[str, Any]:
    return {name: {"value": value - less} for name, value in figures.items()}


__all__ = ["AT", "MACHINE", "RUN", "TrainingAccount", "archive", "evaluated", "tools", "training_account"]
