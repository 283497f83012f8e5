"""The studio on the user's machine, until it is interrupted."""

import contextlib
import errno
import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable

import uvicorn

from digitsmith.errors import ConfigError, reason
from digitsmith.report.commands import command
from digitsmith.studio.app import app_of
from digitsmith.studio.catalogue import Studio
from digitsmith.studio.guard import Guard, is_loopback

_MOST_HEADERS = 2**14  # bytes
_LEAVE = 2  # seconds that open connections get when the studio ends


def serve(
    studio: Studio, *, host: str = "127.0.0.1", port: int = 8000, open_browser: bool = True,
    told: Callable[[str, str], None] = lambda address, elsewhere: None,
) -> dict[str, bool]:  # fmt: skip
    """Serve the studio until the process is interrupted. Then trainings that it started are stopped as by Ctrl-C.

    Args:
        studio: what is served.
        host: the address to listen at. From another than this machine's own, a token is demanded.
        port: 0 takes a free one.
        open_browser: open the page in the user's browser, too.
        told: gets the address, with the token if one is demanded, once the studio can be reached; and the one to use on
            other machines, if that is another.

    Returns:
        The commands that go on with these, and of each whether the state at its end is saved.

    Raises:
        ConfigError: nothing can listen at that address and port.
    """
    token = None if is_loopback(host) else secrets.token_urlsafe(24)
    with contextlib.closing(_listen(host, port)) as listening:
        shown = "127.0.0.1" if host == "0.0.0.0" else "::1" if host == "::" else host
        shown = f"[{shown}]" if ":" in shown else shown
        rest = f":{listening.getsockname()[1]}/" + (f"?token={token}" if token else "")
        address = f"http://{shown}{rest}"
        config = uvicorn.Config(
            Guard(app_of(studio), token, host), log_level="critical", access_log=False, server_header=False,
            lifespan="off", h11_max_incomplete_event_size=_MOST_HEADERS, timeout_graceful_shutdown=_LEAVE, ws="none",
            http="h11",
        )  # fmt: skip
        listening.listen(config.backlog)  # from now on a browser is not refused
        told(address, f"http://{socket.gethostname()}{rest}" if host in ("0.0.0.0", "::") else "")
        if open_browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        try:
            with contextlib.suppress(KeyboardInterrupt):  # how a studio ends
                uvicorn.Server(config).run(sockets=[listening])
        finally:
            stopped = studio.shelf.jobs.end()
    places = studio.shelf.places()
    return {command("train", resume=True, out=places[key]): saved for key, saved in stopped.items() if key in places}


def _listen(host: str, port: int) -> socket.socket:
    """A socket that is bound there."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError, OverflowError) as error:
        raise ConfigError(f"{host} is no address of this machine ({reason(error)}).", parameter="host") from error
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"{port} is in use, perhaps by another studio: choose another, or 0 for a free one.", parameter="port"
            ) from error
        at_fault = "port" if error.errno == errno.EACCES else "host"
        raise ConfigError(f"nothing can listen at {host}:{port} ({reason(error)}).", parameter=at_fault) from error
    return listening
