"""Odd values, and trees of values (JSON, TOML) with some of them in it."""

import json
import math
import tomllib
from random import Random
from typing import Any

import tomli_w

MARKUP = "<script>alert(1)</script>"
"""Must not come through into a page."""

_LONG = ["a" * 70, "b" * 5000, "9" * 400, "9" * 5000]
_UNPRINTABLE = [" ", "\n", "\r\n", "\0", "\x1b[31mred\x1b]0;title\x07", "\x9b2J", "\u202eabc", "\ud800", "×", "٣", "²"]
_SYNTAX = [r"$\frac$", "a[/b]", "[red]", MARKUP, "'; ls", "%s%n", "{0}", *'{}[]=",-/:']
_PATHS = ["../x", "/", "/dev/zero", ".", "..", "~", "con", "a/b", "dataset.json", "preview.png", "unlabelled"]
_NUMERALS = ["", "0", "-1", "1e999", "nan", "-inf", "null", "true", "1_000", "0b1", "0-9", "9-0", "1/0", "3/2", "28x28"]
_OURS = ["train", "mnist", "mnist:val", "digits", "sgd", "residual", "optimizer", "networks.generator.widths", "[[a]]"]
_HTTP = [
    *("HTTP/1.1 200 OK", "HTTP/1.1 206 Partial Content", "HTTP/1.1 416 Range", "HTTP/1.1 302 Found", "HTTP/1.1 503 x"),
    *("Content-Length: abc", "Content-Length: -1", f"Content-Length: {10**20}", "Content-Range: bytes 5-1/x"),
    *("Location: http://[", "Location: /", "Location: ", "Location: file:///x", "Location: http://a:b:c/"),
    *("Location: http://\u2100/", "Content-Encoding: gzip", "Transfer-Encoding: chunked", "ffffffff", "-1"),
]
_TEXTS = [*_LONG, *_UNPRINTABLE, *_SYNTAX, *_PATHS, *_NUMERALS, *_OURS, *(f"{line}\r\n" for line in _HTTP)]

_WHOLE = [
    *(0, 1, -1, 2, 7, 10, 100, 255, 256, 1000, 10_000, 65_535, 65_536, 10**6, 10**9, 2 * 10**9, 2**31 - 1, 2**31),
    *(2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**31), -(2**63), -(2**64), 10**30, 10**400),
]
_NUMBERS = [*_WHOLE, 0.5, -0.5, 1e-9, 1e300, 1.7e308, -1.7e308, 5e-324, -0.0, math.nan, math.inf, -math.inf]

_RAW = {  # what stands in the text where no value says it
    "@deep list@": "[" * 5000 + "]" * 5000,
    "@deeper list@": "[" * 200_000 + "]" * 200_000,
    "@deep table@": '{"a":' * 5000 + "1" + "}" * 5000,
    "@open@": "[" * 100_000,
    "@digits@": "9" * 5000,
    "@overflow@": "1e999",
    "@time@": "1979-05-27T07:32:00Z",
}


def odd_text(random: Random) -> str:
    """One of the texts that programs trip over."""
    return random.choice(_TEXTS)


def odd_number(width: int, random: Random) -> bytes:
    """A number at the edge of what so many bytes hold."""
    return (random.choice(_WHOLE) % 256**width).to_bytes(width, random.choice(["big", "little"]))


def odd_value(random: Random) -> Any:
    """A value of any type."""
    match random.randrange(6):
        case 0:
            return odd_text(random)
        case 1 | 2:
            return random.choice(_NUMBERS)
        case 3:
            return random.choice([None, True, False])
        case 4:
            return random.choice([[], {}, [[]], [None], [""], [0] * 1000, {"": None}, [{}], {"a": {"a": 1}}])
        case _:
            return random.choice(list(_RAW))


def changed_tree(tree: Any, random: Random) -> Any:
    """A tree of lists and tables in which one value, or its key, is another."""
    places = _places(tree)
    if not places or random.randrange(50) == 0:
        return odd_value(random)
    node, key = random.choice(places)
    match random.randrange(6):
        case 0:
            del node[key]
        case 1 if isinstance(node, dict):
            node[odd_text(random)] = node.pop(key)
        case 1:
            node.insert(key, node[key])
        case 2:
            other, there = random.choice(places)
            node[key] = odd_value(random) if isinstance(other[there], list | dict) else other[there]
        case 3:
            node[key] = odd_value(random)
        case _:
            node[key] = _changed_value(node[key], random)
    return tree


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Every list or table in a tree, with each of its keys."""
    places: list[tuple[Any, Any]] = []
    rest = [tree]
    while rest:
        node = rest.pop()
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, value in items:
            places.append((node, key))
            rest.append(value)
    return places


def _changed_value(value: Any, random: Random) -> Any:
    """One of the same type, mostly."""
    match value:
        case bool() | None:
            return odd_value(random)
        case int() | float():
            near = [-value, value + 1, value - 1, value * 10**9, value / 3, str(value)]
            return random.choice([*near, *random.choices(_NUMBERS, k=6)])
        case str() if value[:1] in ("{", "["):
            return changed_json(value, random)
        case str():
            at = random.randrange(len(value) + 1)
            return value[:at] + odd_text(random) + value[random.choice([at, at + 1, len(value)]) :]
        case _:
            return random.choice([type(value)(), [value], {"a": value}])


def changed_json(text: str, random: Random) -> str:
    """JSON with another value."""
    return _with_raw(json.dumps(changed_tree(json.loads(text), random)))


def changed_toml(text: str, random: Random) -> str:
    """TOML with another value."""
    return _with_raw(tomli_w.dumps(changed_tree(tomllib.loads(text), random)))


def _with_raw(text: str) -> str:
    for token, raw in _RAW.items():
        text = text.replace(f'"{token}"', raw)
    return text
