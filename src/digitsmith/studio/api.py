"""What the pages Learn and Judge ask of the server: what runs there are, what becomes of them, and what to start."""

from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse

from digitsmith.errors import DigitsmithError, printable
from digitsmith.records.studio import Judgement, Runs, RunStory, Started, Wish, Workshop
from digitsmith.studio import workshop
from digitsmith.studio.events import Streams
from digitsmith.studio.judgement import judge, report
from digitsmith.studio.shelf import GoneError, Shelf

_REPORT_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox"
)
"""Of a report, which names things of strangers: it runs nothing, loads nothing, and is no page of the studio's."""

_KEY = "^[0-9a-f]{16}$"
Key = Annotated[str, Path(pattern=_KEY)]
Watched = Annotated[list[Annotated[str, Query(pattern=_KEY)]], Query(max_length=2)]
Compared = Annotated[list[Annotated[str, Query(pattern=_KEY)]], Query(min_length=1, max_length=8)]


class Problem(BaseModel):
    """An answer to what cannot be answered."""

    detail: str


def _said(**meanings: str) -> dict[int | str, dict[str, Any]]:
    return {int(code[1:]): {"description": text, "model": Problem} for code, text in meanings.items()}


_NO_RUN = _said(_404="There is no such run.", _409="It cannot be read.")
_REFUSED = _said(_404="There is no such run.", _409="It cannot be done: the sentence says why.")
_PNG: dict[int | str, dict[str, Any]] = {
    200: {"description": "A PNG.", "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}
}


def add_api(app: FastAPI, shelf: Shelf) -> None:
    """Add what concerns runs to the studio's application."""

    async def refuse(_: Request, error: Exception) -> Response:
        assert isinstance(error, DigitsmithError)
        return JSONResponse({"detail": error.message}, _status(error))

    async def refuse_wish(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        told = [
            {"loc": [printable(str(part)) for part in one["loc"]], "msg": printable(one["msg"]), "type": one["type"]}
            for one in error.errors()
        ]  # without what was sent, which may be no text that JSON can hold
        return JSONResponse({"detail": told}, 422)

    app.add_exception_handler(DigitsmithError, refuse)
    app.add_exception_handler(RequestValidationError, refuse_wish)
    app.include_router(_reading(shelf))
    app.include_router(_starting(shelf))


def _status(error: DigitsmithError) -> int:
    return 404 if isinstance(error, GoneError) else 409


def _reading(shelf: Shelf) -> APIRouter:
    router = APIRouter()
    streams = Streams(shelf)

    @router.get("/runs.json", responses=_said(_409="The folder of runs cannot be read."))
    def read_runs() -> Runs:
        """The runs that there are."""
        return shelf.runs()

    @router.get("/runs/{key}.json", responses=_NO_RUN)
    def read_story(key: Key) -> RunStory:
        """All that is shown of a run."""
        return shelf.story(key)

    @router.get("/runs/{key}/real.png", response_class=Response, responses=_PNG | _NO_RUN)
    def read_real(key: Key) -> Response:
        """Real images, arranged as the samples."""
        return Response(shelf.picture(key, "real"), media_type="image/png")

    @router.get("/runs/{key}/epoch-{epoch}.png", response_class=Response, responses=_PNG | _NO_RUN)
    def read_sample(key: Key, epoch: Annotated[int, Path(ge=0, le=10**7)]) -> Response:
        """Images of the same noise, after an epoch."""
        return Response(shelf.picture(key, epoch), media_type="image/png")

    @router.get("/workshop.json")
    def read_workshop() -> Workshop:
        """What can be started."""
        return workshop.workshop(shelf)

    @router.get("/judgement.json", responses=_NO_RUN)
    def read_judgement(run: Compared) -> Judgement:
        """What was measured of runs, side by side."""
        return judge({key: shelf.find(key).folder for key in run})

    page: dict[int | str, dict[str, Any]] = {
        200: {"content": {"text/html": {"schema": {"type": "string"}}}},
        404: {"description": "There is no such run.", "content": {"text/plain": {"schema": {"type": "string"}}}},
        409: {"description": "It cannot be drawn.", "content": {"text/plain": {"schema": {"type": "string"}}}},
    }

    @router.get("/report.html", response_class=Response, responses=page)
    def read_report(run: Compared) -> Response:
        """The page of `digitsmith report` on runs; what cannot be shown is said as plain text, for a frame shows it."""
        headers = {"content-security-policy": _REPORT_POLICY}
        try:
            drawn = report({key: shelf.find(key).folder for key in run})
        except DigitsmithError as error:
            return PlainTextResponse(error.message, _status(error), headers)
        return Response(drawn, media_type="text/html", headers=headers)

    stream = _said(_503="Too many pages follow.")
    stream[200] = {"description": "Events: runs, story, gone.", "content": {"text/event-stream": {}}}

    @router.get("/events", response_class=StreamingResponse, responses=stream)
    async def follow(request: Request, run: Watched = []) -> StreamingResponse:  # noqa: B006
        """What becomes of all runs, and of those that are named in detail, until the page is closed."""
        return streams.answer(request, run)

    return router


def _starting(shelf: Shelf) -> APIRouter:
    router = APIRouter()

    @router.post("/trainings", responses=_said(_409="It cannot be started: the sentence says why."))
    def train(wish: Wish) -> Started:
        """Start a training."""
        return workshop.train(shelf, wish)

    @router.post("/runs/{key}/resume", responses=_REFUSED)
    def resume(key: Key) -> Started:
        """Go on with a training."""
        return workshop.resume(shelf, key)

    @router.post("/runs/{key}/stop", responses=_REFUSED)
    def stop(key: Key) -> Started:
        """Stop what the studio runs for a run; a training saves its state."""
        return workshop.stop(shelf, key)

    @router.post("/runs/{key}/evaluate", responses=_REFUSED)
    def evaluate(key: Key) -> Started:
        """Measure the digits of a run."""
        return workshop.evaluate(shelf, key)

    return router
