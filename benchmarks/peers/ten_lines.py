"""A mock written by hand: ten lines of Starlette that give a constant answer."""

import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

content = Path(sys.argv[2]).read_bytes()


async def embed(request: Request) -> Response:
    await request.json()
    return Response(content, media_type="application/json")


app = Starlette(routes=[Route("/v1/code/embed", embed, methods=["POST"])])
uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)
