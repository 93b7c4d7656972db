"""The model card: what a model is for, what it is not for, what it was made from, where it is weak.

Its headings follow M. Mitchell et al., "Model cards for model reporting", FAT* 2019.
"""

from collections.abc import Mapping
from typing import Any

Part = Mapping[str, Any]
Sections = dict[str, list[str]]

WEAKEST_SHOWN = 3


def model_card(evaluation: Part) -> Sections:
    """Return heading → sentences, all derived from ``evaluation.json``.

    ``evaluation["use_case"]["model_card"]``, where given, is heading → sentences that are put first under
    that heading (what only the owner of the data can know).
    """
    winner = next(each for each in evaluation["candidates"] if each["name"] == evaluation["winner"])
    sections = {
        "Intended use": _intended_use(evaluation),
        "Not for": _not_for(evaluation),
        "Training data": _training_data(evaluation["data"]),
        "Quality": _quality(evaluation, winner),
        "Limits": _limits(evaluation["data"], winner),
        "Ethics and fairness": _ethics(evaluation),
    }
    own = evaluation["use_case"].get("model_card") or {}
    headings = [*sections, *(heading for heading in own if heading not in sections)]
    return {heading: [*own.get(heading, []), *sections.get(heading, [])] for heading in headings}


def weeks(numbers: list[int]) -> str:
    """Return weeks as ``200607 to 200815 (94 weeks)``."""
    if not numbers:
        return "no week"
    if len(numbers) == 1:
        return f"{numbers[0]} (1 week)"
    return f"{min(numbers)} to {max(numbers)} ({len(numbers)} weeks)"


def weakest_slices(slices: Mapping[str, list[Part]], whole: Part) -> list[tuple[str, Part]]:
    """Return (column, slice) of slices large enough whose macro F1 is below ``whole``'s beyond chance.

    Beyond chance: the slice's interval ends below the value for all rows. Weakest first.
    """
    found = [
        (column, each)
        for column, values in slices.items()
        for each in values
        if not each["small"] and each["macro_f1"]["high"] < whole["value"]
    ]
    return sorted(found, key=lambda pair: float(pair[1]["macro_f1"]["value"]))


def _intended_use(evaluation: Part) -> list[str]:
    meanings = "; ".join(f"{each['word']} ({each['meaning']})" for each in evaluation["classes"])
    return [
        (
            f"{evaluation['use_case']['title']}: says which class a whole basket belongs to, with a probability "
            f"for each class: {meanings}."
        ),
        (
            "Made for decisions about groups of baskets: ranges, promotions and price reviews by store, region, "
            "category or week, and for batch or live scoring of complete baskets."
        ),
    ]


def _not_for(evaluation: Part) -> list[str]:
    return [
        (
            "Setting a price or an offer for a single person, credit, employment or any decision with legal or "
            "similarly serious effect on a person."
        ),
        (
            "Inferring a customer's income, health or other private circumstances: the class is a trait of a "
            "basket's products, not of the customer."
        ),
        (
            f"Data other than {evaluation['use_case']['source']}, another retailer's product codes, or baskets "
            "that are still being filled: products the model has not seen say little to it."
        ),
    ]


def _training_data(data: Part) -> list[str]:
    counts = ", ".join(f"{word} {count:,}" for word, count in data["train_class_counts"].items())
    sentences = [
        f"{data['train_baskets']:,} labelled baskets of weeks {weeks(data['train_weeks'])}: {counts}.",
        (
            f"Judged on {data['holdout_baskets']:,} baskets of the later weeks {weeks(data['holdout_weeks'])}, "
            "none of which was seen in training."
        ),
        f"The product encoding was learnt from training baskets only and knows {data['products_known']:,} products.",
    ]
    if data["unclassified_dropped"]:
        sentences.append(f"{data['unclassified_dropped']:,} baskets without a class were left out.")
    return sentences


def _quality(evaluation: Part, winner: Part) -> list[str]:
    scores = winner["holdout"]

    def said(key: str) -> str:
        each = scores[key]
        return f"{each['value']:.4f} (95 % interval {each['low']:.4f} to {each['high']:.4f})"

    return [
        f"{winner['title']}: accuracy {said('accuracy')}, macro F1 {said('macro_f1')}.",
        f"Weakest class by precision: {scores['weakest_class']}, {said('class_precision_minimum')}.",
        f"Expected calibration error {said('calibration_error')}.",
        (
            f"Gate: {'accepted' if evaluation['decision']['accepted'] else 'rejected'} "
            f"({evaluation['decision']['status']})."
        ),
    ]


def _limits(data: Part, winner: Part) -> list[str]:
    sentences = [
        (
            f"{data['holdout_lines_unseen_product_share'] * 100:.2f} % of the hold-out's lines were of products "
            "unknown from training; the share grows with the age of the model, and its quality falls with it."
        ),
        (
            "Intervals take baskets as independent; baskets of one customer are alike, so true intervals are "
            "somewhat wider."
        ),
    ]
    rare = min(data["train_class_counts"].items(), key=lambda pair: pair[1], default=None)
    if rare is not None:
        sentences.append(f"The class it had fewest examples of is {rare[0]} ({rare[1]:,} baskets).")
    plain = winner["without_encoding"]
    if plain:
        sentences.append(
            f"It leans on which products are in the basket: without the product encoding macro F1 is "
            f"{plain['holdout']['macro_f1']['value']:.4f}."
        )
    return sentences


def _ethics(evaluation: Part) -> list[str]:
    winner = next(each for each in evaluation["candidates"] if each["name"] == evaluation["winner"])
    weakest = weakest_slices(evaluation["winner_detail"]["slices"], winner["holdout"]["macro_f1"])
    sentences = [
        (
            "Used to set prices or to withhold offers, the classes could put customers with less money at a "
            "disadvantage; use them to spare those customers price rises, not to find who will pay more."
        ),
        (
            "No customer identifier is a feature; segments of customers may be. They are shown as slices so that "
            "unequal quality between groups is seen."
        ),
    ]
    if weakest:
        shown = "; ".join(
            f"{column} = {each['value']} ({each['macro_f1']['value']:.4f} on {each['rows']:,} baskets)"
            for column, each in weakest[:WEAKEST_SHOWN]
        )
        sentences.append(f"Macro F1 is below that of all baskets, beyond chance, for: {shown}.")
    else:
        sentences.append("No group shown as a slice scores below all baskets beyond chance.")
    return sentences
