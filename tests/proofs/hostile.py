"""Bodies and requests that no honest caller sends, and strategies that make more of them.

Every text and key they hold carries ``CANARY``, so that an answer which repeats any of it is found.
"""

import json
import random
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from hypothesis import strategies as st

from ml.serving.contract import Basket
from ml.serving.examples import EXAMPLE

CANARY: Final = "kanari7f3a"
NUMBERS: Final = (
    b"1e999", b"-1e999", b"1e-999", b"NaN", b"Infinity", b"-Infinity", b"-0", b"1e308", b"9" * 400, b"0." + b"1" * 400,
    b"18446744073709551616", b"-9223372036854775809", b"9" * 5_000, b"1" + b"0" * 100_000, b"0x10", b"01", b"1.", b".5",
    b"+1", b"1e", b"--1", b"1_000", b"true", b"null", b'""', b"[]", b"{}",
)  # fmt: skip


def basket(**changes: Any) -> dict[str, Any]:
    """Return a valid basket that carries the canary, with fields replaced."""
    lines = [{**line, "prod_code": f"{CANARY}{number}"} for number, line in enumerate(EXAMPLE["lines"])]
    return {**EXAMPLE, "basket_id": CANARY, "store_region": CANARY, "lines": lines, **changes}


VALID: Final = json.dumps(basket()).encode()


def bodies() -> dict[str, bytes]:
    """Return hostile bodies by name."""
    line = basket()["lines"][0]
    many = b",".join([VALID] * 10)
    found = {
        "empty": b"",
        "blanks": b" \t\r\n" * 1_000,
        "one byte": b"{",
        "null bytes": b"\x00" * 10_000,
        "null byte in a text": VALID.replace(CANARY.encode(), CANARY.encode() + b"\x00"),
        "escaped null in a text": VALID.replace(CANARY.encode(), CANARY.encode() + rb"\u0000"),
        "not UTF-8": VALID.replace(CANARY.encode(), CANARY.encode() + b"\xff\xfe"),
        "overlong UTF-8": VALID.replace(CANARY.encode(), CANARY.encode() + b"\xc0\xaf"),
        "UTF-16": VALID.decode().encode("utf-16"),
        "UTF-32": VALID.decode().encode("utf-32"),
        "byte order mark": b"\xef\xbb\xbf" + VALID,
        "Latin-1": VALID.replace(CANARY.encode(), CANARY.encode() + "é".encode("latin-1")),
        "lone surrogate": VALID.replace(CANARY.encode(), CANARY.encode() + rb"\ud800"),
        "surrogates the wrong way round": VALID.replace(CANARY.encode(), rb"\udc00\ud800"),
        "surrogate as bytes": VALID.replace(CANARY.encode(), b"\xed\xa0\x80"),
        "control characters": VALID.replace(CANARY.encode(), b"\x01\x02\x1f"),
        "nested arrays": b"[" * 1_000_000,
        "nested arrays, closed": b"[" * 100_000 + b"]" * 100_000,
        "nested objects": b'{"a":' * 500_000,
        "nested in an unknown field": VALID[:-1] + b',"more":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        "nested in lines": b'{"lines":' * 100_000,
        "duplicate keys": VALID[:-1] + b',"shop_hour":3,"shop_hour":99}',
        "100,000 equal keys": b"{" + b",".join([b'"shop_hour":1'] * 100_000) + b"}",
        "100,000 unknown keys": b"{" + b",".join(b'"%s%d":1' % (CANARY.encode(), n) for n in range(100_000)) + b"}",
        "a million zeros": b"[" + b"0," * 1_000_000 + b"0]",
        "a million empty objects": b"[" + b"{}," * 1_000_000 + b"{}]",
        "6,000 baskets": json.dumps([basket()] * 6_000).encode(),
        "100,000 lines": json.dumps(basket(lines=[line] * 100_000)).encode(),
        "a text of 7 MB": json.dumps(basket(store_region=CANARY * 700_000)).encode(),
        "a key of 7 MB": json.dumps({CANARY * 700_000: 1}).encode(),
        "larger than allowed": b"[" + b" " * 9_000_000 + b"]",
        "two documents": VALID + VALID,
        "JSON lines": VALID + b"\n" + VALID,
        "comments": b"/* */" + VALID,
        "single quotes": VALID.replace(b'"', b"'"),
        "trailing comma": VALID[:-1] + b",}",
        "a list cut short": b"[" + many,
        "YAML": b"lines: !!python/object/apply:os.system ['id']",
        "XML with an entity": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        "pickle": b"\x80\x04\x95\x1e\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
        "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + b"\x00" * 100,
        "a form": f"lines={CANARY}&shop_hour=1".encode(),
        "a text": json.dumps(CANARY).encode(),
        "true": b"true",
        "SQL": json.dumps(basket(store_region=f"{CANARY}'; DROP TABLE baskets; --")).encode(),
        "markup": json.dumps(basket(store_region=f"<script>{CANARY}</script>")).encode(),
        "line breaks": json.dumps(basket(basket_id=f"{CANARY}\r\nx-injected: 1")).encode(),
        "__class__": json.dumps(basket(__class__=CANARY, __proto__={"a": 1})).encode(),
        "empty list": b"[]",
        "list of null": b"[null]",
        "list in a list": b"[[" + VALID + b"]]",
    }
    for name in ("quantity", "spend"):
        for number in NUMBERS:
            body = json.dumps(basket(lines=[{**line, name: 12345}])).encode().replace(b"12345", number)
            found[f"{name} {number[:24].decode()} ({len(number)})"] = body
    for name in ("basket_id", "shop_hour", "shop_weekday"):
        for number in NUMBERS:
            body = json.dumps(basket(**{name: 12345})).encode().replace(b"12345", number)
            found[f"{name} {number[:24].decode()} ({len(number)})"] = body
    return found


def requests(path: str) -> dict[str, bytes]:
    """Return hostile requests, heads included, by name. Each ends its connection or is answered at once."""
    body = b"content-length: %d\r\n\r\n%s" % (len(VALID), VALID)
    post = b"POST " + path.encode() + b" HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"
    canary = CANARY.encode()
    get = b"GET %s HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    return {
        "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + canary + b"\r\n\r\n",
        "HTTP/0.9": b"GET /\r\n\r\n",
        "HTTP/1.0": b"POST %s HTTP/1.0\r\n%s" % (path.encode(), body),
        "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "HTTP/9.9": b"POST %s HTTP/9.9\r\n%s" % (path.encode(), body),
        "unknown method": b"KANARI " + path.encode() + b" HTTP/1.1\r\n\r\n",
        **{
            f"{method} on {path}": b"%s %s HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
            % (method.encode(), path.encode())
            for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
        },
        "CONNECT": b"CONNECT " + canary + b":443 HTTP/1.1\r\nhost: a\r\n\r\n",
        "OPTIONS *": b"OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        "trailing slash": get % (path.encode() + b"/"),
        "double slash": get % (b"/" + path.encode()),
        "absolute URL": get % (b"http://" + canary + b"/healthz"),
        "dots": get % (b"/../../../../etc/passwd?" + canary),
        "percent dots": get % b"/%2e%2e/%2e%2e/etc/passwd",
        "percent null": get % (b"/%00" + canary),
        "percent of nothing": get % (b"/%zz%" + canary),
        "bytes in the path": get % (b"/\xff\xfe" + canary),
        "a path of 60 KB": get % (b"/" + canary * 6_000),
        "a path of 10 MB": get % (b"/" + canary * 1_000_000),
        "a query of 60 KB": post.replace(b" HTTP", b"?explain=1&" + canary * 6_000 + b" HTTP", 1) + body,
        "10,000 parameters": post.replace(b" HTTP", b"?" + b"a=1&" * 10_000 + b" HTTP", 1) + body,
        "odd parameters": post.replace(b" HTTP", b"?explain=%ff&explain&=&&explain=1 HTTP", 1) + body,
        "upgrade to a websocket": b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        "10,000 headers": post + b"x-a: b\r\n" * 10_000 + body,
        "a header of 10 MB": post + b"x-a: " + canary * 1_000_000 + b"\r\n" + body,
        "bytes in a header": post + b"x-a: \xff\xfe\x80\r\n" + body,
        "null in a header": post + b"x-a: a\x00b\r\n" + body,
        "folded header": post + b"x-a: a\r\n b\r\n" + body,
        "blank before the colon": post + b"x-a : a\r\n" + body,
        "no host": b"POST " + path.encode() + b" HTTP/1.1\r\nconnection: close\r\n" + body,
        "two lengths": post + b"content-length: 3\r\n" + body,
        "length and chunked": post + b"transfer-encoding: chunked\r\n" + body,
        "negative length": post + b"content-length: -1\r\n\r\n",
        "length of letters": post + b"content-length: " + canary + b"\r\n\r\n",
        "length beyond 64 bits": post + b"content-length: 99999999999999999999999\r\n\r\n",
        "length of 1 TB": post + b"content-length: 1000000000000\r\n\r\n",
        "length that is too short": post + b"content-length: 10\r\n\r\n" + VALID,
        "chunks of no number": post + b"transfer-encoding: chunked\r\n\r\n" + canary + b"\r\n",
        "a chunk of 2^64": post + b"transfer-encoding: chunked\r\n\r\n10000000000000000\r\n" + VALID,
        "transfer-encoding twice": post + b"transfer-encoding: chunked, chunked\r\n" + body,
        "gzip announced": post + b"content-encoding: gzip\r\n" + body,
        "accept nothing": post + b"accept: " + canary + b"\r\n" + body,
        "content type": post + b"content-type: " + canary + b"/\xff; charset=utf-99\r\n" + body,
        "content type CSV": post + b"content-type: text/csv\r\n" + body,
        "multipart": post + b"content-type: multipart/form-data; boundary=" + canary + b"\r\n" + body,
        "expect": post + b"expect: 100-continue\r\n" + body,
        "expect the impossible": post + b"expect: " + canary + b"\r\n" + body,
        "keys": post
        + b"x-api-key: \xff\xff\r\nx-api-key: "
        + canary
        + b"\r\nauthorization: "
        + canary
        + b"\r\n"
        + body,
    }


_TEXT: Final = st.text(max_size=24).map(lambda text: f"{CANARY}{text}")
_ANY: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)


def of_contract(*, wrong: bool) -> st.SearchStrategy[bytes]:
    """Return bodies by the contract's own JSON schema; where ``wrong``, some values are of any other kind."""
    (schema,), definitions = msgspec.json.schema_components((Basket | list[Basket],))
    return _of(schema, definitions, wrong=wrong).map(lambda value: json.dumps(value).encode())


def _of(schema: Mapping[str, Any], definitions: Mapping[str, Any], *, wrong: bool) -> st.SearchStrategy[Any]:
    right = _right(schema, definitions, wrong=wrong)
    return st.integers(0, 11).flatmap(lambda chance: _ANY if chance == 0 else right) if wrong else right


def _right(schema: Mapping[str, Any], definitions: Mapping[str, Any], *, wrong: bool) -> st.SearchStrategy[Any]:
    def of(inner: Mapping[str, Any]) -> st.SearchStrategy[Any]:
        return _of(inner, definitions, wrong=wrong)

    if "$ref" in schema:
        return _right(definitions[schema["$ref"].rpartition("/")[2]], definitions, wrong=wrong)
    if "anyOf" in schema:
        return st.one_of([of(each) for each in schema["anyOf"]])
    made: st.SearchStrategy[Any] = st.none()
    match schema["type"]:
        case "object":
            fields = {name: of(each) for name, each in schema["properties"].items()}
            needed = {name: fields.pop(name) for name in schema.get("required", ())}
            made = st.fixed_dictionaries(needed, optional=fields)
        case "array":
            made = st.lists(of(schema["items"]), min_size=schema.get("minItems", 0), max_size=4)
        case "integer":
            made = st.integers(schema["minimum"], schema["maximum"])
        case "number":
            pennies = st.integers(schema["minimum"] * 100, schema["maximum"] * 100)
            made = pennies.map(lambda amount: amount / 100)
        case "string":
            made = _TEXT.map(lambda text: text[: schema.get("maxLength")])
        case "null":
            pass
        case other:
            raise AssertionError(f"the contract has a type that is not made here yet: {other}")
    return made


def mutations(seed: int) -> Iterator[bytes]:
    """Yield valid bodies that were damaged in one to four places, without end."""
    source = random.Random(seed)
    tokens = (
        *NUMBERS,
        b'"',
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\x00",
        b"\xff",
        rb"\ud800",
        rb"\u0000",
        b"\n",
    )
    while True:
        body = bytearray(VALID if source.random() < 0.8 else b"[" + VALID + b"," + VALID + b"]")
        for _ in range(source.randint(1, 4)):
            start = source.randrange(len(body) + 1)
            end = min(len(body), start + source.choice((0, 1, 1, 2, 8, 40)))
            match source.randrange(5):
                case 0:
                    del body[start:end]
                case 1:
                    body[start:end] = source.choice(tokens)
                case 2:
                    body[start:start] = body[start:end] * source.randint(1, 50)
                case 3:
                    body[start:end] = source.randbytes(end - start)
                case _:
                    del body[start:]
        yield bytes(body)
