"""Configs from presets, from TOML files and from changes to them; and the keys, for people."""

import difflib
import itertools
import reprlib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from digitsmith.config.schema import Networks, Section, TrainConfig
from digitsmith.errors import ConfigError
from digitsmith.untrusted import read_bytes, reading

_FOLDER = resources.files("digitsmith.config") / "presets"
_MOST = 2**14  # bytes of a file; a parser's time may grow with the square of them
_SHORT = reprlib.Repr()
_SHORT.maxlist = _SHORT.maxtuple = 20
_SHORT.maxstring = _SHORT.maxother = 100
_LENGTHS = {"optimizer.epochs": "steps", "optimizer.steps": "epochs"}  # each takes the other's place


def presets() -> list[str]:
    """The names of the presets that come with the package."""
    return sorted(entry.name.removesuffix(".toml") for entry in _FOLDER.iterdir() if entry.name.endswith(".toml"))


def load_config(preset: str | Path, changes: Sequence[str] | Mapping[str, Any] = ()) -> TrainConfig:
    """Read a preset by name or a TOML file by path, and apply changes.

    Args:
        preset: a name from `presets()`, or the path of a TOML file that has the same keys.
        changes: `"key=value"` strings, their values written as in TOML (a bare word is a string), or a mapping. Keys
            are dotted; sections in front may be left out where one key only ends so: `"generator.lr=1e-4"`.

    Raises:
        ConfigError: unknown preset or key (the nearest valid name is suggested), wrong type, value out of range.

    Examples:
        >>> load_config("gan", ["epochs=3", "discriminator.name=sgd"]).optimizer.discriminator.name
        'sgd'
    """
    values = _read(preset)
    pairs = list(changes.items()) if isinstance(changes, Mapping) else [_parse(change) for change in changes]
    resolved = {_resolve(key): value for key, value in pairs}
    for key, value in resolved.items():
        *sections, name = key.split(".")
        table = values
        for section in sections:
            table = table.setdefault(section, {})
            if not isinstance(table, dict):
                raise ConfigError(
                    f"{preset}: {section!r} must be a table of keys, like [{section}] in a preset.",
                    parameter="preset",
                )
        table[name] = value
        if key in _LENGTHS and f"optimizer.{_LENGTHS[key]}" not in resolved:
            table.pop(_LENGTHS[key], None)
    try:
        return TrainConfig.model_validate(values)
    except ValidationError as error:
        wrong = [".".join(_key(problem)) for problem in error.errors(include_url=False)]
        from_changes = any(f"{key}.".startswith(f"{place}.".lstrip(".")) for place in wrong for key in resolved)
        problems = list(itertools.islice(_explain(error), 5))
        raise ConfigError(
            f"{preset}: {'; '.join(problems)}.", parameter="changes" if from_changes else "preset"
        ) from error


def to_values(config: TrainConfig) -> dict[str, Any]:
    """A config as a TOML or JSON file has it: without the keys that are not set."""
    return config.model_dump(mode="json", exclude_none=True)


def flatten(config: TrainConfig) -> dict[str, Any]:
    """All keys of a config that are set, dotted, with their values."""

    def leaves(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
        for name, value in values.items():
            if isinstance(value, dict):
                yield from leaves(value, f"{prefix}{name}.")
            else:
                yield prefix + name, value

    return dict(leaves(to_values(config), ""))


def describe_keys() -> dict[str, str]:
    """Every key, dotted, of every architecture, with its sentence."""
    found: dict[str, str] = {}

    def describe(section: type[Section], prefix: str) -> None:
        for name, field in section.model_fields.items():
            kinds = get_args(Networks) if name == "networks" else (field.annotation,)
            tables = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Section)]
            for table in tables:
                describe(table, f"{prefix}{name}.")
            if not tables:
                found.setdefault(prefix + name, field.description or "")

    describe(TrainConfig, "")
    return found


def _read(preset: str | Path) -> dict[str, Any]:
    name = str(preset)
    if name in presets():
        return tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    path = Path(preset)
    if path.suffix != ".toml":
        hint = _nearest(name, presets())
        raise ConfigError(
            f"there is no preset {name!r}{hint}; presets: {', '.join(presets())}; or give the path of a .toml file.",
            parameter="preset",
        )
    try:
        with reading(path, ConfigError, "give a TOML file that has the keys of a preset"):
            values = tomllib.loads(read_bytes(path, _MOST).decode())
    except ConfigError as error:
        error.parameter = "preset"
        raise
    if "networks" not in values and {"generator", "discriminator"} <= values.keys():
        raise ConfigError(
            f"{path} is the config of an earlier Digitsmith, whose keys had no sections: start from a preset again, or "
            f"sort its keys into [networks], [loss], [optimizer] and [run].",
            parameter="preset",
        )
    return values


def _parse(change: str) -> tuple[str, Any]:
    key, equals, text = change.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"{change}: write it as key=value, for example epochs=20.", parameter="changes")
    try:
        value = tomllib.loads(f"value = {text.strip()}")["value"]
    except (ValueError, RecursionError):  # a number of 5,000 digits is none, either
        value = text.strip()  # a bare word: adam
    return key.strip(), value


def _resolve(key: str) -> str:
    """The whole of a key whose sections in front may be left out."""
    known = describe_keys()
    if key in known:
        return key
    matches = [full for full in known if full.endswith(f".{key}")]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise ConfigError(f"{key!r} can be {' or '.join(matches)}: write the whole key.", parameter="changes")
    raise ConfigError(f"there is no key {key[:200]!r}{_nearest(key, known)}.", parameter="changes")


def _explain(error: ValidationError) -> Iterator[str]:
    known = describe_keys()
    for problem in error.errors(include_url=False):
        key = ".".join(_key(problem))[:200]
        if problem["type"] == "extra_forbidden":
            other = " for this architecture" if key in known else _nearest(key, known)
            yield f"there is no key {key!r}{other}"
        elif problem["type"] == "missing":
            yield f"the key {key!r} is missing"
        elif problem["type"] == "value_error":
            yield problem["msg"].removeprefix("Value error, ")
        else:
            said = problem["msg"][0].lower() + problem["msg"][1:200]
            yield f"{key} = {_SHORT.repr(problem['input'])}: {said}"


def _key(problem: ErrorDetails) -> list[str]:
    """The parts of the key at which a problem was found; none if keys do not go together."""
    parts = [str(part) for part in problem["loc"]]
    if parts[:1] == ["networks"]:
        del parts[1:2]  # the architecture, by which the classes of the union are told apart
    return parts


def _nearest(name: str, known: Sequence[str] | Mapping[str, str]) -> str:
    """' (did you mean …?)' for the valid names closest to `name`, or nothing."""
    name = name[:100]
    ends = {full: full.split(".")[-1] for full in known}
    close = [full for full, end in ends.items() if end == name.split(".")[-1]]
    close = close or difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    if not close:
        near = difflib.get_close_matches(name.split(".")[-1], list(ends.values()), n=1, cutoff=0.6)
        close = [full for full, end in ends.items() if end in near]
    return f" (did you mean {' or '.join(repr(full) for full in close)}?)" if close else ""
