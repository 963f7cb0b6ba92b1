"""The baseline: a Starlette application on uvicorn that reads a request and sends constant bytes.

python benchmarks/bare.py PORT BYTES
"""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def create_app(size: int) -> Starlette:
    content = b" " * size

    async def embed(request: Request) -> Response:
        await request.body()
        return Response(content, media_type="application/json")

    return Starlette(routes=[Route("/v1/code/embed", embed, methods=["POST"])])


if __name__ == "__main__":
    port, size = map(int, sys.argv[1:])
    uvicorn.run(create_app(size), port=port, log_level="warning", access_log=False)
