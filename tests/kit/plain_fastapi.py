"""A fake as most people write it with FastAPI: a model, a dependency, and nothing about errors."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

app = FastAPI()


class EmbedRequest(BaseModel):
    """The body."""

    model: str
    input: list[str]
    output_dtype: Literal["float", "binary"] = "float"


Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


def vector(text: str) -> list[float]:
    digest = hashlib.shake_256(text.encode(errors="surrogatepass")).digest(64)
    raw = [byte - 127.5 for byte in digest]
    length = sum(component**2 for component in raw) ** 0.5
    return [component / length for component in raw]


def packed(components: list[float]) -> list[int]:
    bits = "".join("1" if component > 0 else "0" for component in components)
    unsigned = [int(bits[at : at + 8], 2) for at in range(0, 64, 8)]
    return [byte - 256 if byte > 127 else byte for byte in unsigned]


@app.post("/v1/code/embed")
async def embed(body: EmbedRequest, credentials: Credentials) -> dict[str, object]:
    if credentials is None:
        raise HTTPException(401, "Not authenticated")
    vectors = [vector(text) for text in body.input]
    results = [
        {"index": place, "embedding": packed(one) if body.output_dtype == "binary" else one}
        for place, one in enumerate(vectors)
    ]
    return {"results": results, "usage": {"total_tokens": sum(map(len, body.input)) + 1}}
