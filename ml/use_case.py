"""A use case, parsed once from its YAML file into frozen types that refuse what they do not know."""

from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from config.document import ConfigError, Frozen, check_values, parse_document, read_document
from ml.errors import SettingsError
from ml.files import fingerprint

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
ModelName = Literal["majority", "logistic_regression", "decision_tree", "random_forest", "xgboost"]


class Column(Frozen):
    """One column of a source file and the values it may hold."""

    name: str
    headers: tuple[str, ...] = Field(min_length=1)
    type: Literal["week", "date", "integer", "money", "text"]
    nullable: bool = False
    optional: bool = False
    minimum: int | None = None
    maximum: int | None = None
    allowed: tuple[str, ...] | None = None
    recode: dict[str, str] = Field(default_factory=dict)


class Validation(Frozen):
    """How much bad data is tolerated and how much of it is shown."""

    max_dropped_share: Share
    sample_rows: int = Field(gt=0)
    example_rows: int = Field(gt=0)


class LabelClass(Frozen):
    """A label's code in the data, the word users see and what it stands for."""

    code: str
    word: str
    meaning: str


class Label(Frozen):
    """The target column; the order of ``classes`` is the order of every probability vector."""

    column: str
    unclassified: str
    classes: tuple[LabelClass, ...] = Field(min_length=2)

    @property
    def codes(self) -> tuple[str, ...]:
        """The class codes in order."""
        return tuple(each.code for each in self.classes)

    @property
    def words(self) -> tuple[str, ...]:
        """The classes as shown to users, in the order of ``codes``."""
        return tuple(each.word for each in self.classes)


class Split(Frozen):
    """Hold-out by time, folds by basket; at least three, because encoders are fitted without any two."""

    holdout_weeks: int = Field(ge=1)
    folds: int = Field(ge=3)
    seed: int


class EncoderGrid(Frozen):
    """Product encoder settings; each list is searched under cross-validation."""

    levels: tuple[str, ...] = Field(min_length=1)
    basket_weight_power: tuple[float, ...] = Field(min_length=1)
    smoothing: tuple[Positive, ...] = Field(min_length=1)
    rounds: tuple[int, ...] = Field(min_length=1)
    neutral_state: bool


class Features(Frozen):
    """What goes into the feature vector beside the basket's own totals."""

    categories: tuple[str, ...]
    winsorize_quantile: Share
    encoder: EncoderGrid


class Candidate(Frozen):
    """A model's fixed hyper-parameters and the grid of those that are searched."""

    fixed: dict[str, int | float | str] = Field(default_factory=dict)
    grid: dict[str, tuple[int | float | str, ...]] = Field(default_factory=dict)


class Gate(Frozen):
    """What a candidate must reach on the hold-out to be registered."""

    accuracy: Share
    macro_f1: Share
    class_precision: Share
    max_regression: Share
    approval: Literal["automatic", "manual"]


class Monitoring(Frozen):
    """When a model that serves is worse than it promised, or its input no longer what it learnt from.

    A look takes the newest whole weeks, as few as hold ``minimum_baskets`` and at most ``most_weeks``. Accuracy
    and macro F1 may lie ``max_drop`` below the hold-out's; drift is PSI; ``unseen_share`` is of product lines.
    """

    minimum_baskets: int = Field(gt=0)
    most_weeks: int = Field(ge=1)
    max_drop: Share
    input_psi: Positive
    prediction_psi: Positive
    unseen_share: Share


class Business(Frozen):
    """Assumptions behind the business figures; money in ``currency``."""

    currency: str
    baskets_per_week: int = Field(gt=0)
    value_per_correct_prediction: float = Field(ge=0)
    cost_per_pricing_error: float = Field(ge=0)
    manual_minutes_per_thousand_baskets: float = Field(ge=0)
    analyst_cost_per_hour: float = Field(ge=0)


class Scaling(Frozen):
    """How many replicas serve, and the CPU use that adds one."""

    minimum: int = Field(ge=1)
    maximum: int = Field(ge=1)
    target_cpu_percent: int = Field(ge=1, le=100)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        return self


class Deployment(Frozen):
    """What a release's descriptor says beside the model: the service's image and its scaling."""

    image: str
    scaling: Scaling


class UseCase(Frozen):
    """All that the pipeline knows of one data set and what is to be predicted from it."""

    name: str
    title: str
    source: str
    file_week: str
    columns: tuple[Column, ...]
    validation: Validation
    label: Label
    split: Split
    features: Features
    candidates: dict[ModelName, Candidate]
    search_rows: int = Field(gt=0)
    gate: Gate
    monitoring: Monitoring
    slices: tuple[str, ...]
    business: Business
    deployment: Deployment

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        known = {column.name for column in self.columns}
        for where, names in (
            ("label.column", (self.label.column,)),
            ("features.categories", self.features.categories),
            ("features.encoder.levels", self.features.encoder.levels),
            ("slices", self.slices),
        ):
            for name in names:
                if name not in known:
                    raise ValueError(f"{where}: there is no column named {name}")
        return self

    @property
    def older_codes(self) -> dict[str, dict[str, str]]:
        """For each category among the features that has them, codes of older files and today's."""
        found = {name: self.column(name).recode for name in self.features.categories}
        return {name: recode for name, recode in found.items() if recode}

    def column(self, name: str) -> Column:
        """Return the column called ``name``."""
        return next(column for column in self.columns if column.name == name)

    def with_changes(
        self,
        *,
        holdout_weeks: int | None = None,
        models: Sequence[str] | None = None,
        parameters: Mapping[str, Mapping[str, Any]],
    ) -> "UseCase":
        """Return the use case with another hold-out, fewer candidates or fixed hyper-parameters.

        ``parameters`` (candidate → hyper-parameter → value) fixes values and takes them out of the grid.

        Raises:
            SettingsError: a candidate is unknown or a value is out of range.

        """
        values = self.model_dump(mode="json")
        known = ", ".join(values["candidates"])
        for name in (*(models or ()), *parameters):
            if name not in values["candidates"]:
                raise SettingsError(f"use case {self.name} has no candidate {name!r}; it has: {known}")
            if models and name not in models:
                raise SettingsError(f"{name} has hyper-parameters but is not among the models: {', '.join(models)}")
        if holdout_weeks is not None:
            values["split"]["holdout_weeks"] = holdout_weeks
        if models:
            values["candidates"] = {name: each for name, each in values["candidates"].items() if name in models}
        for name, own in parameters.items():
            candidate = values["candidates"][name]
            candidate["fixed"] |= own
            candidate["grid"] = {key: grid for key, grid in candidate["grid"].items() if key not in own}
        return _settings(lambda: check_values(UseCase, values, origin=f"use case {self.name}"))

    @property
    def data_fingerprint(self) -> str:
        """A hash of the settings that decide what silver and gold hold."""
        chosen = self.model_dump(mode="json", include={"name", "file_week", "columns", "validation", "label"})
        return fingerprint(chosen)

    @property
    def settings_fingerprint(self) -> str:
        """A hash of every setting."""
        return fingerprint(self.model_dump(mode="json"))


def load_use_case(name_or_file: str) -> UseCase:
    """Return a built-in use case by name, or one from a YAML file by path.

    Raises:
        SettingsError: there is no such use case, or the file has a wrong key or value.

    """
    if name_or_file.endswith((".yaml", ".yml")):
        return _settings(lambda: read_document(UseCase, Path(name_or_file)))
    folder = resources.files("ml.use_cases")
    built_in = folder / f"{name_or_file}.yaml"
    if not built_in.is_file():
        known = sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))
        raise SettingsError(f"use case {name_or_file!r} does not exist; there is: {', '.join(known)}, or a .yaml file")
    return parse_use_case(built_in.read_text(encoding="utf-8"), origin=name_or_file)


def parse_use_case(text: str, *, origin: str) -> UseCase:
    """Parse YAML ``text``; ``origin`` names it in errors."""
    return _settings(lambda: parse_document(UseCase, text, origin=origin))


def _settings(load: Callable[[], UseCase]) -> UseCase:
    try:
        return load()
    except ConfigError as error:
        raise SettingsError(str(error)) from error
