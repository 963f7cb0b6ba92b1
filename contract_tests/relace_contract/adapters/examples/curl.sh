#!/bin/sh
# A template: replace curl by your own client. The kit runs this script once for each call:
#   relace-mock verify-client --command 'sh curl.sh'
#
# RELACE_BASE_URL and RELACE_API_KEY are in the environment; the call is JSON on standard input;
# the answer is JSON on standard output. Python is used only to convert the JSON.

folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT

python3 -c '
import json, sys
asked = json.load(sys.stdin)
names = ("model", "input", "output_dtype")
print(json.dumps({name: asked[name] for name in names if name in asked}), end="")
' >"$folder/request"

status=$(
  curl --silent --show-error --max-time 30 \
    --header "Authorization: Bearer $RELACE_API_KEY" \
    --header "Content-Type: application/json" \
    --data-binary "@$folder/request" \
    --output "$folder/answer" --write-out '%{http_code}' \
    "${RELACE_BASE_URL%/}/code/embed" 2>"$folder/errors"
)
code=$?

if [ "$code" -eq 28 ]; then kind=timeout
elif [ "$code" -ne 0 ]; then kind=connection
else
  case $status in
    200) kind=ok ;;
    400) kind=bad_request ;;
    401) kind=authentication ;;
    404) kind=key_not_found ;;
    429) kind=rate_limit ;;
    5??) kind=server ;;
    *) kind=other ;;
  esac
fi

python3 - "$kind" "$status" "$folder" <<'PYTHON'
import json
import pathlib
import sys

kind, status, folder = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3])
body = folder / "answer"
content = body.read_bytes() if body.exists() else b""
said = {"outcome": "error", "kind": kind, "status": status or None}
if kind == "ok":
    try:
        answer = json.loads(content)
        said = {
            "outcome": "ok",
            "embeddings": [result["embedding"] for result in answer["results"]],
            "total_tokens": answer.get("usage", {}).get("total_tokens"),
        }
    except Exception as error:
        said |= {"kind": "other", "message": repr(error)}
else:
    said["message"] = ((folder / "errors").read_bytes() + content).decode(errors="replace")
print(json.dumps(said))
PYTHON
