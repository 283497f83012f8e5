"""Addresses, such as `s3://bucket/made`: what is one, and which are refused before anything is asked of a place."""

import re
from pathlib import Path

from digitsmith.errors import DigitsmithError, OutputError

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]*://")
_AUTHORITY = re.compile(r"(?P<user>[^@]*@)?(\[[^\]@]*\]|[^:@]*)(:[0-9]*)?")
EXTRA = ("s3", "s3a", "gs", "gcs")
"""Whose libraries the extra `remote` has."""

_NAMED = ("abfs", "abfss", "sftp", "ssh")
"""In whose addresses a name may stand before an @."""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


def is_address(text: object) -> bool:
    """Whether that is an address, and neither a name nor a path."""
    return isinstance(text, str) and _ADDRESS.match(text) is not None


def checked(address: str, kind: type[DigitsmithError]) -> str:
    """An address without the slash at its end. One that may hold a secret is refused: addresses are shown and kept.

    So is one with a character of patterns, which libraries would take for one.

    Raises:
        DigitsmithError: of `kind`.
    """
    scheme, _, rest = address.partition("://")
    scheme = scheme.lower()
    authority = _AUTHORITY.fullmatch(rest.partition("/")[0])
    user = authority["user"] if authority else None
    bucket = scheme in EXTRA and ":" in rest.partition("/")[0]  # no port: a key that has a colon
    if ("@" in rest and (authority is None or bucket)) or (user and (":" in user or scheme not in _NAMED)):
        raise kind(
            f"an address of {scheme}:// has a name or a password before an @: leave it out, as addresses are shown and "
            f"kept. Credentials belong into the environment, or a file of the library for {scheme}://."
        )
    if scheme in ("file", "local"):
        raise kind(f"{address:.100} is on this machine: give the path itself.")
    if scheme in ("http", "https"):
        raise kind(f"folders cannot be listed at {scheme}://: download the files, and give the path of their folder.")
    parts = rest.rstrip("/").split("/")
    if (
        "::" in address
        or not rest.isprintable()
        or {*"*?[]"} & {*rest}
        or {"", ".", ".."} & {*parts[1:]}
        or not any(parts)
    ):
        shown = address.partition("?")[0]  # after which there may be a secret
        raise kind(f"{shown:.100} is no address of one place, such as s3://bucket/folder: correct it.")
    return f"{scheme}://{'/'.join(parts)}"


def require_path(path: Path) -> None:
    """Refuse the path that an address becomes, `s3:/bucket/made`, unless there is such a folder.

    Raises:
        OutputError: it is one.
    """
    first = next(iter(path.parts), "")
    if _SCHEME.fullmatch(first) and not Path(first).exists():
        raise OutputError(f"{path} looks like an address, which cannot be used here, or not as a Path: give a path.")
