"""Embeds the files of a folder, in batches, as scripts in public code do."""

import os
import sys
import time
from pathlib import Path

import requests

API_URL = "https://embeddings.endpoint.relace.run/v1/code/embed"
BATCH = 4


def embed(texts):
    for attempt in range(4):
        response = requests.post(
            API_URL,
            headers={"Authorization": f"Bearer {os.environ['RELACE_API_KEY']}"},
            json={"model": "relace-embed-v1", "input": texts, "output_dtype": "float"},
            timeout=60,
        )
        if response.status_code == 429:
            time.sleep(float(response.headers.get("Retry-After", 2**attempt)))
            continue
        response.raise_for_status()
        results = sorted(response.json()["results"], key=lambda each: each["index"])
        return [each["embedding"] for each in results]
    raise RuntimeError("rate limited four times")


def main():
    files = sorted(Path(sys.argv[1]).glob("*.py"))
    vectors = []
    for start in range(0, len(files), BATCH):
        vectors += embed([file.read_text() for file in files[start : start + BATCH]])
    print(f"indexed {len(vectors)} files, {len(vectors[0])} dimensions")


if __name__ == "__main__":
    main()
