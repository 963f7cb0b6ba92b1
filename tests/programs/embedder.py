"""Embeds a query with aiohttp, and takes any error for an empty vector, as an agent does."""

import asyncio
import os
import sys

import aiohttp


class RelaceEmbedder:
    def __init__(self, api_key, url="https://embeddings-repos.endpoint.relace.run/v1/code/embed"):
        self.url = url
        self.headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}

    async def embed(self, text):
        async with aiohttp.ClientSession() as session:
            payload = {"model": "relace-embed-v1", "input": text}
            try:
                async with session.post(self.url, json=payload, headers=self.headers) as response:
                    response.raise_for_status()
                    data = await response.json()
                    return data["results"][0]["embedding"]
            except (aiohttp.ClientError, KeyError) as error:
                print(f"embedding failed: {error}", file=sys.stderr)
                return []


if __name__ == "__main__":
    vector = asyncio.run(RelaceEmbedder(os.environ["RELACE_API_KEY"]).embed(sys.argv[1]))
    print(f"{len(vector)} dimensions")
