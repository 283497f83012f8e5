"""The studio as a web application: the catalogue and the models it names, runs, and the static pages."""

from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Path, Response
from starlette.staticfiles import StaticFiles

from digitsmith.records.studio import Catalogue
from digitsmith.studio.api import Problem, add_api
from digitsmith.studio.catalogue import STATIC, Studio

_BINARY = "application/octet-stream"


def app_of(studio: Studio) -> FastAPI:
    """The application that serves a studio; it does not look at who asks (see `guard`)."""
    app = FastAPI(title="Digitsmith studio", version=studio.catalogue.digitsmith, docs_url=None, redoc_url=None)

    @app.get("/studio.json")
    def read_catalogue() -> Catalogue:
        """What there is to load."""
        return studio.catalogue

    model: dict[int | str, dict[str, Any]] = {
        200: {"description": "An ONNX file.", "content": {_BINARY: {"schema": {"type": "string", "format": "binary"}}}},
        404: {"description": "There is no such model.", "model": Problem},
    }

    @app.get("/models/{key}.onnx", response_class=Response, responses=model)
    def read_model(key: Annotated[str, Path(pattern="^[0-9a-f]{16}$")]) -> Response:
        """A model file."""
        content = studio.contents.get(key)
        if content is None:
            raise HTTPException(404, "there is no such model.")
        lasting = {"cache-control": "private, max-age=604800, immutable"}  # the key is of the content
        return Response(content, media_type=_BINARY, headers=lasting)

    add_api(app, studio.shelf)
    app.mount("/", StaticFiles(directory=STATIC, html=True))
    return app
