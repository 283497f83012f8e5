"""Options that stand together for one parameter of a command."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

Options = Mapping[str, tuple[Any, Any]]
"""Type, annotated for Typer, and default of each option."""


def stand_for(
    parameter: str, options: Options, gather: Callable[[dict[str, Any]], Any]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command options in the place of one of its parameters, which gets what `gather` makes of them.

    Args:
        parameter: of the command's function.
        options: by their names.
        gather: is given the values of those that are not as by default.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command)
        parameters: list[inspect.Parameter] = []
        for own in signature.parameters.values():
            parameters += [own] if own.name != parameter else [
                inspect.Parameter(name, own.kind, default=default, annotation=annotation)
                for name, (annotation, default) in options.items()
            ]  # fmt: skip

        @functools.wraps(command)
        def with_options(**values: Any) -> None:
            given = {name: value for name in options if (value := values.pop(name)) != options[name][1]}
            command(**values, **{parameter: gather(given)})

        with_options.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        with_options.__annotations__ = {each.name: each.annotation for each in parameters}
        return with_options

    return decorate
