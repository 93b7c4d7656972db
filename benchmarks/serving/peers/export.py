"""Write the pipeline as one peer's documentation recommends: ``python -m … FORMAT PARTS FOLDER``."""

import sys
from pathlib import Path

import joblib

from benchmarks.serving.peers.basket_pipeline import PIPELINE, PROBABILITIES, lines_of, load_pipeline

# Each format needs the library of its own environment only.
# ruff: noqa: PLC0415

EXAMPLE = {
    "basket_id": "1",
    "shop_hour": 17,
    "shop_weekday": 6,
    **dict.fromkeys(("store_code", "store_format", "store_region", "seg_1", "seg_2"), "?"),
    "lines": [
        {
            "quantity": 1,
            "spend": 1.03,
            **dict.fromkeys(("prod_code", "prod_code_10", "prod_code_20", "prod_code_30", "prod_code_40"), "?"),
        }
    ],
}


def to_joblib(parts: Path, folder: Path) -> None:
    """Dump the pipeline."""
    joblib.dump(load_pipeline(parts), folder / PIPELINE)


def to_bentoml(parts: Path, _: Path) -> None:
    """Save the pipeline in BentoML's model store (``$BENTOML_HOME``)."""
    import bentoml

    with bentoml.models.create("baskets") as reference:
        joblib.dump(load_pipeline(parts), reference.path_of(PIPELINE))


def to_mlflow(parts: Path, folder: Path) -> None:
    """Save the pipeline as an MLflow model that answers with probabilities."""
    import mlflow.sklearn

    pipeline = load_pipeline(parts)
    lines = lines_of(EXAMPLE)
    mlflow.sklearn.save_model(
        pipeline,
        folder / "pandas",
        pyfunc_predict_fn=PROBABILITIES,
        serialization_format="cloudpickle",
        signature=mlflow.models.infer_signature(lines, pipeline.predict_proba(lines)),
        pip_requirements=[],
    )


def to_mlflow_with_ours(_: Path, folder: Path) -> None:
    """Save the model that calls our predictor."""
    import mlflow.pyfunc

    from benchmarks.serving.peers.mlflow_with_ours import WithOurs

    mlflow.pyfunc.save_model(folder / "ours", python_model=WithOurs(), pip_requirements=[])


FORMATS = {"joblib": to_joblib, "bentoml": to_bentoml, "mlflow": to_mlflow, "mlflow_with_ours": to_mlflow_with_ours}

if __name__ == "__main__":
    FORMATS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
