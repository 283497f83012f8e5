"""Who is answered: the user's own browser, and no page from elsewhere.

A page of another site can send requests to this machine (CSRF), and with a name that it points here read the answers
(DNS rebinding). So the address in `Host` must be one of ours, `Origin` must be the same, and who comes over the network
must have the token.
"""

import hmac
import ipaddress
import socket
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY = 2**20
"""Bytes of a request's body."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """Stands before an application: refuses strangers, and says in every answer what pages may load.

    Args:
        app: the application.
        token: that who comes must have; None on loopback.
        host: at which it listens.
    """

    def __init__(self, app: ASGIApp, token: str | None = None, host: str = "127.0.0.1") -> None:
        self.app, self.token = app, token
        names = () if token is None else (socket.gethostname(), socket.getfqdn())
        self._names = {name.lower() for name in (*_LOOPBACK, host, *names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("content-security-policy", _POLICY)  # a report has its own
                headers.setdefault("cache-control", "no-cache")
            await send(message)

        answer = self._refused(scope) or self._admitted(scope) or self.app
        await answer(scope, receive, send_with_headers)

    def _refused(self, scope: Scope) -> Response | None:
        """The answer to a request that is no user's of ours."""
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return _refusal(403, "this address is none of the studio's: use the one that it printed.")
        if any(origin != f"http://{hosts[0]}" for origin in origins):
            return _refusal(403, "a page of another site asked: open the studio by its own address.")
        navigates = headers.get("sec-fetch-mode") == "navigate" and scope["method"] == "GET"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not navigates:
            return _refusal(403, "a page of another site asked: open the studio by its own address.")
        length = headers.get("content-length", "0")
        if "transfer-encoding" in headers or not length.isdecimal() or int(length[:20]) > MOST_BODY:
            return _refusal(413, f"a request may have {MOST_BODY:,} bytes, and must say how many.")
        return None

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self._names:
            return True
        try:
            return self.token is not None and bool(ipaddress.ip_address(name))  # no name that can be pointed here
        except ValueError:
            return False

    def _admitted(self, scope: Scope) -> Response | None:
        """None for who has the token; who brings it in the address gets a cookie for the next time."""
        if self.token is None:
            return None
        name = f"digitsmith-{scope['server'][1]}"
        try:
            cookies = SimpleCookie(Headers(scope=scope).get("cookie", ""))
        except CookieError:
            cookies = SimpleCookie()
        if name in cookies and hmac.compare_digest(cookies[name].value.encode(), self.token.encode()):
            return None
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["method"] != "GET" or not hmac.compare_digest(given.encode(), self.token.encode()):
            return _refusal(401, "this needs the address with the token, which the studio printed when it started.")
        answer = RedirectResponse(scope["path"] if scope["path"][:2] not in ("//", "/\\") else "/", status_code=303)
        answer.set_cookie(name, self.token, httponly=True, samesite="strict")
        return answer


def _refusal(status: int, detail: str) -> Response:
    return PlainTextResponse(detail, status_code=status, headers={"connection": "close"})
