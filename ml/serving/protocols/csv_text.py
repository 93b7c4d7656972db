"""CSV: a header row, then one row per basket line; predictions come back as one row per basket."""

import csv
import io
from collections.abc import Sequence

from ml.serving.contract import Prediction
from ml.serving.protocols.codec import Refused, Written
from ml.serving.protocols.table import Tabled, to_baskets

CSV = (b"content-type", b"text/csv; charset=utf-8")


def read_csv(body: bytes) -> Tabled:
    """Return the baskets of ``body``.

    Raises:
        Refused: it is no CSV in UTF-8 (400), or a column or cell is wrong (422).

    """
    try:
        rows = [row for row in csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True) if row]
    except (csv.Error, UnicodeDecodeError) as error:
        raise Refused(400, "the body is not CSV in UTF-8") from error
    if not rows:
        raise Refused(422, "the body has no header row")
    return to_baskets(rows[0], rows[1:], text=True)


def write_csv(words: Sequence[str], predictions: Sequence[Prediction]) -> Written:
    """Return ``predictions`` with a header row; reasons, which are lists, have no place in it."""
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    shares = [f"probability_{word}" for word in words]
    rows.writerow(
        ["basket_id", "prediction", "code", *shares, "model_version", "unknown_products", "unknown_categories"]
    )
    for each in predictions:
        shares = [repr(each.probabilities[word]) for word in words]
        counts = (each.unknown_products, each.unknown_categories)
        rows.writerow([each.basket_id, each.prediction, each.code, *shares, each.model_version, *counts])
    return Written(text.getvalue().encode(), [CSV])
