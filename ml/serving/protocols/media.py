"""Media types: what a body is (Content-Type), and what may come back (Accept)."""

from collections.abc import Sequence

from ml.serving.protocols.codec import Refused


def media_type(content_type: str) -> str:
    """Return the type without its parameters, in lower case.

    Raises:
        Refused: its charset is not UTF-8 (415).

    """
    kind, parameters = _parsed(content_type)
    if parameters.get("charset", "utf-8") not in {"utf-8", "utf8", "us-ascii"}:
        raise Refused(415, "only UTF-8 is read")
    return kind


def preferred(accept: str, offered: Sequence[str]) -> str:
    """Return which of ``offered`` the Accept header likes best; the first of them where it does not say.

    Raises:
        Refused: it accepts none of them (406).

    """
    weights = dict(_weight(each) for each in accept.split(",") if each.strip()) or {"*/*": 1.0}

    def liked(kind: str) -> float:
        # The most exact range that covers it decides (RFC 9110, 12.5.1).
        for covering in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
            if covering in weights:
                return weights[covering]
        return 0.0

    best = max(offered, key=liked)
    if liked(best) <= 0:
        raise Refused(406, f"answers are {' or '.join(offered)}")
    return best


def _weight(media_range: str) -> tuple[str, float]:
    kind, parameters = _parsed(media_range)
    try:
        return kind, float(parameters.get("q", "1"))
    except ValueError:
        return kind, 0.0


def _parsed(text: str) -> tuple[str, dict[str, str]]:
    kind, *parameters = text.lower().split(";")
    pairs = (parameter.partition("=") for parameter in parameters)
    return kind.strip(), {name.strip(): value.strip(' "') for name, _, value in pairs}
