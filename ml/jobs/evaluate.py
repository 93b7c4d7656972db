"""The evaluate job: every candidate and the champion on the same held-out rows, then the gate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ml.bundle import Bundle
from ml.errors import ModelError
from ml.evaluation.business import business_impact
from ml.evaluation.calibration import calibration_curve
from ml.evaluation.comparison import compare
from ml.evaluation.explain import feature_groups, learning_curve
from ml.evaluation.gate import decide
from ml.evaluation.importance import permutation_importance
from ml.evaluation.metrics import Scores, score
from ml.evaluation.report import write_report
from ml.evaluation.slices import slice_scores
from ml.features.baskets import Baskets
from ml.files import new_file, read_json, write_json
from ml.jobs.encode import load_holdout, load_training
from ml.progress import say, track
from ml.training.candidates import BASELINE, TITLES
from ml.training.encoders import Folds
from ml.training.product_vectors import EncoderParameters
from ml.training.split import Labelled, WeekSplit, check_disjoint
from ml.training.train import TRAINING, WITHOUT_ENCODING
from ml.use_case import ModelName, UseCase
from ml.version import code_version, library_versions

EVALUATION = "evaluation.json"
PREDICTIONS = "holdout_predictions.parquet"


@dataclass(frozen=True)
class _Data:
    split: WeekSplit
    train: Labelled
    folds: Folds
    holdout: Labelled


def evaluate(
    *,
    gold: Path,
    candidates: Path,
    champion: Path | None,
    encoders: Path | None,
    output: Path,
    use_case: UseCase,
    run: str,
    inputs: Sequence[Mapping[str, Any]] = (),
    as_of: str | None = None,
    dropped: Mapping[str, int] | None = None,
    links: Mapping[str, str] | None = None,
    threads: int = 2,
) -> dict[str, Any]:
    """Judge the bundles below ``candidates``; write evaluation.json, report, charts and predictions.

    ``encoders`` is the encode job's output, for what was tried there. ``inputs`` (name, sha256, week, rows)
    and ``dropped`` come from the ETL's manifests, ``links`` from the caller; they go into the report. ``as_of`` is the
    time whose features these are; nobody has counted the rows of ``inputs`` then.

    Raises:
        ModelError: a bundle is damaged, or has learnt from a held-out week.
        DataError: there is nothing to judge on.

    """
    data = _load(gold, use_case)
    bundles = _load_candidates(candidates, data.split, use_case)
    holdout = data.holdout.baskets
    words, seed = use_case.label.words, use_case.split.seed
    predicted = {name: bundle.probabilities(holdout) for name, bundle in track(bundles.items(), label="judge")}
    scores = {name: score(holdout.labels, p, classes=words, seed=seed) for name, p in predicted.items()}
    # Chosen by cross-validation, so that the hold-out stays unseen until there is one model to judge. Of equals
    # the first, and the use case names the simpler ones first.
    winner = max(bundles, key=lambda name: bundles[name].manifest["cross_validation"]["macro_f1_mean"])
    judged = _judge_champion(champion, holdout, predicted[winner], use_case)
    decision = decide(
        scores[winner],
        use_case.gate,
        champion=judged[1] if judged else None,
        comparison=judged[2] if judged else None,
    )
    version = bundles[winner].version
    evaluation: dict[str, Any] = {
        "schema": 1,
        "run": run,
        "use_case": {"name": use_case.name, "title": use_case.title, "source": use_case.source},
        "classes": [each.model_dump() for each in use_case.label.classes],
        "data": _describe(data, bundles[winner], use_case, dropped or {}),
        "candidates": [_candidate(name, bundles[name], scores[name], holdout, use_case) for name in bundles],
        "encoder": _encoder(encoders),
        "winner": winner,
        "winner_detail": _detail(
            bundles[winner],
            predicted[winner],
            scores[winner],
            data,
            encoders=encoders,
            use_case=use_case,
            threads=threads,
        ),
        "champion": None
        if judged is None
        else {
            "version": judged[0],
            "holdout": judged[1].model_dump(mode="json"),
            "comparison": judged[2].model_dump(mode="json"),
        },
        "decision": decision.model_dump(mode="json"),
        "business": business_impact(scores[winner], _baseline(scores, holdout, use_case), use_case.business).model_dump(
            mode="json"
        ),
        "lineage": {
            "inputs": [dict(each) for each in inputs],
            "as_of": as_of,
            "code_version": code_version(),
            "feature_schema": {
                "version": bundles[winner].features.schema_version,
                "columns": len(bundles[winner].features.names),
            },
            "use_case_fingerprint": use_case.settings_fingerprint,
            "libraries": library_versions(),
            "seed": seed,
        },
        "model_version": version if decision.accepted else None,
        "links": dict(links or {}),
    }
    output.mkdir(parents=True, exist_ok=True)
    _write_predictions(output / PREDICTIONS, holdout, predicted[winner], words, version)
    write_report(output, evaluation)
    write_json(output / EVALUATION, evaluation)
    say(f"  {TITLES[winner]} is best; the gate {'accepts' if decision.accepted else 'rejects'} it")
    return evaluation


def _load(gold: Path, use_case: UseCase) -> _Data:
    split, train, folds = load_training(gold, use_case)
    holdout = load_holdout(gold, use_case, split)
    check_disjoint(train.baskets, holdout.baskets)
    return _Data(split=split, train=train, folds=folds, holdout=holdout)


def _load_candidates(candidates: Path, split: WeekSplit, use_case: UseCase) -> dict[ModelName, Bundle]:
    bundles = {
        name: Bundle.load(candidates / name, threads=0) for name in use_case.candidates if (candidates / name).is_dir()
    }
    if not bundles:
        raise ModelError(f"{candidates}: no candidate bundles; run `mlops train` first")
    for name, bundle in bundles.items():
        seen = sorted(set(bundle.manifest["trained_on"]["weeks"]) & set(split.holdout))
        if seen:
            raise ModelError(f"{candidates / name}: learnt from week {seen[0]}, which is held out; train it anew")
    return bundles


def _judge_champion(
    champion: Path | None, holdout: Baskets, challenger: NDArray[np.float64], use_case: UseCase
) -> tuple[str, Scores, Any] | None:
    if champion is None:
        return None
    bundle = Bundle.load(champion, threads=0)
    if bundle.words != use_case.label.words:
        raise ModelError(f"{champion}: its classes are {bundle.words}, the use case's {use_case.label.words}")
    probabilities = bundle.probabilities(holdout)
    seed = use_case.split.seed
    scores = score(holdout.labels, probabilities, classes=use_case.label.words, seed=seed)
    duel = compare(holdout.labels, challenger.argmax(axis=1), probabilities.argmax(axis=1), seed)
    return bundle.version, scores, duel


def _candidate(name: ModelName, bundle: Bundle, scores: Scores, holdout: Baskets, use_case: UseCase) -> dict[str, Any]:
    training = read_json(bundle.folder / TRAINING)
    without = None
    if (bundle.folder / WITHOUT_ENCODING).is_dir() and name != BASELINE:
        plain = Bundle.load(bundle.folder / WITHOUT_ENCODING, threads=0)
        judged = score(
            holdout.labels, plain.probabilities(holdout), classes=use_case.label.words, seed=use_case.split.seed
        )
        without = {
            "holdout": judged.model_dump(mode="json"),
            "train_baskets": plain.manifest["trained_on"]["baskets"],
        }
    return {
        "name": name,
        "title": TITLES[name],
        "version": bundle.version,
        "parameters": bundle.manifest["parameters"],
        "cross_validation": training["cross_validation"],
        "holdout": scores.model_dump(mode="json"),
        "without_encoding": without,
        "seconds": training["seconds"],
        "search": training["search"],
    }


def _encoder(encoders: Path | None) -> dict[str, Any]:
    if encoders is None:
        return {"parameters": {}, "search": [], "products": 0}
    value = read_json(encoders / "encoders.json")
    return {
        "parameters": value["parameters"],
        "search": value["search"],
        "products": read_json(encoders / "training.json")["products"],
    }


def _baseline(scores: Mapping[ModelName, Scores], holdout: Baskets, use_case: UseCase) -> Scores:
    """The majority baseline's scores, computed from the hold-out's shares where it was not among the models."""
    if BASELINE in scores:
        return scores[BASELINE]
    shares = np.bincount(holdout.labels, minlength=len(use_case.label.classes)) / len(holdout)
    return score(
        holdout.labels, np.tile(shares, (len(holdout), 1)), classes=use_case.label.words, seed=use_case.split.seed
    )


def _describe(data: _Data, winner: Bundle, use_case: UseCase, dropped: Mapping[str, int]) -> dict[str, Any]:
    def counts(baskets: Baskets) -> dict[str, int]:
        found = np.bincount(baskets.labels, minlength=len(use_case.label.classes))
        return dict(zip(use_case.label.words, found.tolist(), strict=True))

    train, holdout = data.train.baskets, data.holdout.baskets
    set_aside = {
        f"basket {reason}": data.train.dropped[reason] + data.holdout.dropped[reason]
        for reason in data.train.dropped
        if reason != "unclassified"
    }
    return {
        "train_weeks": list(data.split.train),
        "holdout_weeks": list(data.split.holdout),
        "train_baskets": len(train),
        "holdout_baskets": len(holdout),
        "train_class_counts": counts(train),
        "holdout_class_counts": counts(holdout),
        "unclassified_dropped": data.train.dropped["unclassified"] + data.holdout.dropped["unclassified"],
        "products_known": len(np.unique(train.line_products)),
        "holdout_lines_unseen_product_share": winner.features.unseen_lines(holdout) / len(holdout.line_products),
        "dropped": {**dropped, **{reason: count for reason, count in set_aside.items() if count}},
    }


def _detail(
    winner: Bundle,
    probabilities: NDArray[np.float64],
    scores: Scores,
    data: _Data,
    *,
    encoders: Path | None,
    use_case: UseCase,
    threads: int,
) -> dict[str, Any]:
    holdout, words, seed = data.holdout.baskets, use_case.label.words, use_case.split.seed
    slices = {name: holdout.categories[name] for name in use_case.slices}
    found = slice_scores(holdout.labels, probabilities, slices, seed=seed)
    importance = permutation_importance(
        winner.classifier.probabilities,
        winner.features.transform(holdout),
        holdout.labels,
        feature_groups(winner.features.names),
        seed=seed,
    )
    curve: list[dict[str, Any]] = []
    if encoders is not None:
        curve = learning_curve(
            winner.manifest["model"],
            parameters=winner.manifest["parameters"],
            encoder=EncoderParameters(**read_json(encoders / "encoders.json")["parameters"]),
            train=data.train.baskets,
            folds=data.folds,
            holdout=holdout,
            use_case=use_case,
            threads=threads,
        )
        whole = {"accuracy": scores.accuracy.value, "macro_f1": scores.macro_f1.value}
        curve.append({"baskets": len(data.train.baskets), **whole})
    return {
        "calibration": [
            each.model_dump(mode="json") for each in calibration_curve(holdout.labels, probabilities, classes=words)
        ],
        "slices": {column: [each.model_dump(mode="json") for each in values] for column, values in found.items()},
        "importance": [each.model_dump(mode="json") for each in importance],
        "learning_curve": curve,
    }


def _write_predictions(
    path: Path, holdout: Baskets, probabilities: NDArray[np.float64], words: Sequence[str], version: str
) -> None:
    names = np.asarray(words)
    columns: dict[str, Any] = {
        "basket_id": holdout.ids,
        "shop_week": holdout.weeks,
        "label": names[holdout.labels],
        "prediction": names[probabilities.argmax(axis=1)],
    }
    columns |= {f"probability_{word}": probabilities[:, index] for index, word in enumerate(words)}
    columns["model_version"] = [version] * len(holdout)
    with new_file(path) as temporary:
        pq.write_table(pa.table(columns), temporary)
