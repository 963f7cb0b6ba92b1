"""A page of HTML with status 200: a proxy's, or a captive portal's."""

from __future__ import annotations

from relace_mock.messages import Request
from relace_mock.scenario.mutations.draft import Draft, Mutation


def _change(draft: Draft[Request]) -> None:
    draft.body = b"<!DOCTYPE html><html><body><h1>Welcome</h1></body></html>"
    draft.headers[b"content-type"] = b"text/html; charset=utf-8"


HTML_BODY = Mutation("html_body", "the body is a page of HTML", _change)
