"""The lake's bucket, and who may do what in it. Its tables are in ``test_catalogue.py``."""

from typing import Any

import pytest

from tests.stacks.assembly import ENVIRONMENTS, environment
from tests.stacks.policies import ACCOUNT, REGION, Account, Statement, allows, denies

environments = pytest.mark.parametrize("name", ENVIRONMENTS)
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/DataKey"
LAKE = f"arn:aws:s3:::mlops-dev-lake-{ACCOUNT}-{REGION}"
BY_S3 = {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}


def lake(name: str) -> dict[str, Any]:
    return Account(environment(name)).properties("AWS::S3::Bucket", component="data-lake")["Lake"]


def rules(name: str) -> dict[str, dict[str, Any]]:
    return {each["Id"]: each for each in lake(name)["LifecycleConfiguration"]["Rules"]}


def inference() -> list[Statement]:
    return Account(environment("dev")).of_role("InferenceRole", component="eks")


def etl() -> list[Statement]:
    return Account(environment("dev")).of_role("EtlRole", component="eks")


@environments
def test_the_lake_is_versioned_and_encrypted_with_the_data_key(name: str) -> None:
    (rule,) = lake(name)["BucketEncryption"]["ServerSideEncryptionConfiguration"]

    assert lake(name)["VersioningConfiguration"] == {"Status": "Enabled"}
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
    assert rule["BucketKeyEnabled"] is True


def test_an_upload_gets_the_lakes_key_or_is_refused() -> None:
    policy = Account(environment("dev")).of_bucket("Lake", component="data-lake")

    def refused(**asked: str) -> bool:
        headers = {f"s3:x-amz-server-side-encryption{key}": value for key, value in asked.items()}
        secure = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}
        return denies(policy, "s3:PutObject", f"{LAKE}/raw/file.csv", **headers, **secure)

    assert not refused(), "without a wish the bucket's own key is taken"
    assert not refused(**{"": "aws:kms", "-aws-kms-key-id": KEY})
    assert refused(**{"": "AES256"})
    assert refused(**{"": "aws:kms", "-aws-kms-key-id": KEY.replace("Data", "Other")})


@environments
def test_new_objects_are_told_to_eventbridge_without_a_lambda(name: str) -> None:
    assert lake(name)["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    assert environment(name).resources("Custom::S3BucketNotifications") == {}


@pytest.mark.parametrize(("name", "artifacts", "versions"), [("dev", 30, 7), ("stg", 60, 14), ("prod", 180, 90)])
def test_what_is_old_moves_or_goes(name: str, artifacts: int, versions: int) -> None:
    found = rules(name)

    assert found["raw-by-access"]["Prefix"] == "raw/"
    assert found["raw-by-access"]["Transitions"] == [{"StorageClass": "INTELLIGENT_TIERING", "TransitionInDays": 0}]
    for folder in ("runs", "validation"):
        assert found[f"old-{folder}"]["Prefix"] == f"artifacts/{folder}/"
        assert found[f"old-{folder}"]["Transitions"] == [{"StorageClass": "GLACIER_IR", "TransitionInDays": artifacts}]
    assert found["old-versions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": versions}
    assert found["old-versions"]["ExpiredObjectDeleteMarker"] is True
    assert found["abandoned-uploads"]["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] <= 7


@environments
def test_no_current_object_expires_and_no_model_is_moved_away_from_the_service(name: str) -> None:
    for rule in rules(name).values():
        assert "ExpirationInDays" not in rule, rule["Id"]
        if "Transitions" in rule:
            assert not "artifacts/models/".startswith(rule["Prefix"]), rule["Id"]


def test_faster_uploads_from_afar_are_a_setting() -> None:
    accelerated = {name: "AccelerateConfiguration" in lake(name) for name in ENVIRONMENTS}

    assert accelerated == {"dev": False, "stg": False, "prod": True}


# ---- the service -------------------------------------------------------------------------------------


def test_the_inference_role_reads_models_and_writes_nothing() -> None:
    model = f"{LAKE}/artifacts/models/200752-0123456789/model.onnx"

    assert allows(inference(), "s3:GetObject", model)
    assert allows(inference(), "s3:ListBucket", LAKE, s3__prefix="artifacts/models/200752-0123456789/")
    assert allows(inference(), "kms:Decrypt", KEY, **BY_S3)
    for action in ("s3:PutObject", "s3:DeleteObject", "s3:PutObjectTagging", "s3:DeleteObjectVersion"):
        assert not allows(inference(), action, model), action
    assert not allows(inference(), "kms:Encrypt", KEY, **BY_S3)


def test_the_inference_role_leaves_captured_predictions_and_reads_none() -> None:
    batch = f"{LAKE}/captured/2026/03/04/050607-0123456789abcdef.jsonl.gz"

    assert allows(inference(), "s3:PutObject", batch)
    assert allows(inference(), "kms:GenerateDataKey", KEY, **BY_S3)
    assert not allows(inference(), "kms:GenerateDataKey", KEY)
    for action in ("s3:GetObject", "s3:DeleteObject", "s3:PutObjectAcl", "s3:ListBucket"):
        assert not allows(inference(), action, batch), action
    assert not allows(inference(), "s3:ListBucket", LAKE, s3__prefix="captured/")
    for elsewhere in (
        f"{LAKE}/captured.jsonl.gz",
        f"{LAKE}/artifacts/registry/price_sensitivity/champion.json",
        f"{LAKE}/silver/part-0.parquet",
        batch.replace("dev", "prod"),
    ):
        assert not allows(inference(), "s3:PutObject", elsewhere), elsewhere
    assert not allows(etl(), "s3:PutObject", batch), "what was predicted is not for batch work to write"


@pytest.mark.parametrize(
    "key",
    [
        "raw/shop_week=200720/transactions_200720.csv",
        "silver/transactions/shop_week=200720/store_region=E01/part-0.parquet",
        "gold/baskets/shop_week=200720/part-0.parquet",
        "features/baskets/data.parquet",
        "artifacts/runs/200752-0123456789/report.html",
        "artifacts/registry/price_sensitivity/champion.json",
        "artifacts/modelsurvey/x",
    ],
)
def test_the_inference_role_reads_nothing_but_models(key: str) -> None:
    assert not allows(inference(), "s3:GetObject", f"{LAKE}/{key}")


def test_the_inference_role_sees_no_other_folder_and_no_other_bucket() -> None:
    for prefix in ("", "raw/", "gold/", "artifacts/", "artifacts/runs/"):
        assert not allows(inference(), "s3:ListBucket", LAKE, s3__prefix=prefix), prefix
    assert not allows(inference(), "s3:ListBucket", LAKE), "a list of everything"
    prod = LAKE.replace("dev", "prod")
    assert not allows(inference(), "s3:ListBucket", prod, s3__prefix="artifacts/models/")
    assert not allows(inference(), "s3:GetObject", f"{prod}/artifacts/models/x/model.onnx")
    assert not allows(inference(), "s3:ListAllMyBuckets", "*")


def test_the_inference_role_touches_neither_registry_nor_repositories() -> None:
    for action in ("sagemaker:UpdateModelPackage", "sagemaker:CreateModelPackage", "ecr:PutImage", "glue:GetTable"):
        assert not allows(inference(), action, "*"), action


def test_keys_are_used_through_a_service_never_directly() -> None:
    for role in (inference(), etl()):
        assert not allows(role, "kms:Decrypt", KEY)
        assert not allows(role, "kms:Decrypt", KEY.replace("Data", "Operations"), **BY_S3)
        assert not allows(role, "kms:ScheduleKeyDeletion", KEY, **BY_S3)


# ---- the ETL -----------------------------------------------------------------------------------------


def test_the_etl_role_reads_raw_files_and_never_writes_them() -> None:
    raw = f"{LAKE}/raw/shop_week=200720/transactions_200720.csv"

    assert allows(etl(), "s3:GetObject", raw)
    assert allows(etl(), "s3:GetObjectVersion", raw), "lineage names versions"
    assert allows(etl(), "s3:ListBucket", LAKE, s3__prefix="raw/")
    for action in ("s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"):
        assert not allows(etl(), action, raw), action


@pytest.mark.parametrize("layer", ["silver", "gold"])
def test_the_etl_role_keeps_silver_and_gold(layer: str) -> None:
    part = f"{LAKE}/{layer}/baskets/shop_week=200720/part-0.parquet"

    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
        assert allows(etl(), action, part), action
    assert allows(etl(), "s3:ListBucket", LAKE, s3__prefix=f"{layer}/")
    assert not allows(etl(), "s3:DeleteObjectVersion", part), "what was replaced can be had back"


def test_the_etl_role_leaves_reports_and_reads_no_artifact() -> None:
    for folder in ("runs", "validation"):
        report = f"{LAKE}/artifacts/{folder}/0123456789/report.html"
        assert allows(etl(), "s3:PutObject", report)
        assert not allows(etl(), "s3:GetObject", report)
        assert not allows(etl(), "s3:DeleteObject", report)
    assert not allows(etl(), "s3:ListBucket", LAKE, s3__prefix="artifacts/")
    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
        assert not allows(etl(), action, f"{LAKE}/artifacts/models/200752-0123456789/model.onnx"), action


def test_the_etl_role_writes_under_the_lakes_key_only_through_s3() -> None:
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        assert allows(etl(), action, KEY, **BY_S3)
        assert not allows(etl(), action, KEY, kms__ViaService=f"secretsmanager.{REGION}.amazonaws.com")
