"""What becomes of runs, told as it happens: server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from digitsmith.errors import DigitsmithError
from digitsmith.records.studio import RunStory
from digitsmith.studio.shelf import Shelf

MOST_STREAMS = 32
"""Pages that are told at the same time."""

_EVERY = 0.5  # seconds from one look to the next
_HEARTBEAT = 20  # looks at which nothing is new, after which something is sent: so a client that is gone is noticed


class Streams:
    """Streams of events, which are counted.

    Args:
        shelf: the runs.

    Attributes:
        open: how many there are.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self.open = 0

    def answer(self, request: Request, keys: Sequence[str]) -> "Stream":
        """The answer to a page that asks for the `follow` of runs."""
        return Stream(self, self.follow(request, keys))

    async def follow(self, request: Request, keys: Sequence[str]) -> AsyncIterator[str]:
        """Events for one page, until it is closed.

        `runs` is a `Runs`. `story` is a `RunStory`, of which `epochs` has those from place `from` on, as the earlier
        ones have not changed. `gone` says why there is no story: `{"key": …, "problem": …}`.
        """
        listed, told, idle = "", dict[str, RunStory | str](), 0
        while not await request.is_disconnected():
            runs, stories = await run_in_threadpool(self._look, keys)
            events = []
            if runs != listed:
                listed = runs
                events.append(_event("runs", runs))
            for key, story in stories.items():
                if story != told.get(key):
                    events.append(_news(key, story, told.get(key)))
                    told[key] = story
            idle = 0 if events else idle + 1
            if idle == _HEARTBEAT:
                idle = 0
                events.append(": nothing is new\n\n")
            for event in events:
                yield event
            await asyncio.sleep(_EVERY)

    def _look(self, keys: Sequence[str]) -> tuple[str, dict[str, RunStory | str]]:
        """The list of runs as JSON, and the story of each key, or why there is none."""
        stories: dict[str, RunStory | str] = {}
        for key in keys:
            try:
                stories[key] = self._shelf.story(key)
            except DigitsmithError as error:
                stories[key] = error.message
        try:
            return self._shelf.runs().model_dump_json(), stories
        except DigitsmithError:  # the folder of runs cannot be read at the moment
            return '{"format":1,"live":true,"runs":[]}', stories


class Stream(StreamingResponse):
    """An answer that counts while it is sent, however it ends; where too many are, it is a refusal."""

    def __init__(self, streams: Streams, events: AsyncIterator[str]) -> None:
        super().__init__(events, media_type="text/event-stream")
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        if self._streams.open >= MOST_STREAMS:
            refusal = JSONResponse({"detail": f"{MOST_STREAMS} pages follow already: close some."}, 503)
            await refusal(scope, receive, send)
            return
        self._streams.open += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams.open -= 1


def _news(key: str, story: RunStory | str, before: RunStory | str | None) -> str:
    if isinstance(story, str):
        return _event("gone", json.dumps({"key": key, "problem": story}))
    known = before.epochs if isinstance(before, RunStory) else ()
    same = next((i for i, pair in enumerate(zip(known, story.epochs, strict=False)) if pair[0] != pair[1]), None)
    start = min(len(known), len(story.epochs)) if same is None else same
    news: dict[str, Any] = story.model_dump(mode="json")
    return _event("story", json.dumps(news | {"epochs": news["epochs"][start:], "from": start}))


def _event(name: str, data: str) -> str:
    return f"event: {name}\ndata: {data}\n\n"
