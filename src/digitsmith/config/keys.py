"""One key of a config, for a form: its value in a preset, what it takes, and what it means."""

from dataclasses import dataclass
from typing import Any

from digitsmith.config.loading import describe_keys
from digitsmith.config.schema import TrainConfig

Value = str | int | float


@dataclass(frozen=True)
class Key:
    """A key, as a config has it.

    Attributes:
        name: dotted.
        value: in the config; None if it is left open.
        whole: it takes whole numbers alone.
        least, most: that it takes; None if there is no end, or it takes words.
        above: it takes more than this; None if there is no such end.
        choices: the words that it takes; empty for numbers.
        meaning: the sentence that explains it.
    """

    name: str
    value: Value | None
    whole: bool
    least: float | None
    above: float | None
    most: float | None
    choices: tuple[str, ...]
    meaning: str


def find_key(config: TrainConfig, name: str) -> Key | None:
    """A key of words or numbers; None if the networks of this config have no such key."""
    *parents, last = name.split(".")
    section: Any = config
    for parent in parents:
        section = getattr(section, parent)
    if last not in type(section).model_fields:
        return None
    schema: dict[str, Any] = type(section).model_json_schema()["properties"][last]
    taken = next(one for one in schema.get("anyOf", [schema]) if one.get("type") != "null")
    return Key(
        name=name,
        value=getattr(section, last),
        whole=taken["type"] == "integer",
        least=taken.get("minimum"),
        above=taken.get("exclusiveMinimum"),
        most=taken.get("maximum"),
        choices=tuple(taken.get("enum", ())),
        meaning=describe_keys()[name],
    )
