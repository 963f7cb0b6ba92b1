"""The feed of the journal's changes: what its readers get, and what it costs without them."""

from __future__ import annotations

import json
from typing import Any

from relace_mock.journal.feed import Feed, News
from relace_mock.journal.journal import Journal
from relace_mock.messages import Received
from relace_mock.pipeline import Pipeline
from relace_mock.settings import Settings

BODY = json.dumps({"model": "relace-embed-v1", "input": ["x"]}).encode()
HEADERS = [(b"authorization", b"Bearer rlc-test"), (b"content-type", b"application/json")]


def send(pipeline: Pipeline, key: bytes = b"rlc-test") -> None:
    headers = [(b"authorization", b"Bearer " + key), (b"content-type", b"application/json")]
    exchange = pipeline.handle(
        Received("POST", "/v1/code/embed", headers, BODY, len(BODY)), "127.0.0.1:1"
    )
    exchange.read(BODY, len(BODY))
    exchange.answer()
    exchange.finish(left=False)


def pipeline_and_feed(**bounds: int) -> tuple[Pipeline, Feed]:
    pipeline = Pipeline(Settings(dimensions=8))
    return pipeline, Feed(journal_of(pipeline), **bounds)


def journal_of(pipeline: Pipeline) -> Journal:
    assert isinstance(pipeline.journal, Journal)
    return pipeline.journal


def entries(news: News) -> list[Any]:
    return [json.loads(change.entry) for change in news.changes if change.entry]


def readers(pipeline: Pipeline) -> int:
    return len(journal_of(pipeline)._readers)


def test_nothing_reads_the_journal_while_nobody_follows() -> None:
    pipeline, feed = pipeline_and_feed()
    assert readers(pipeline) == 0
    feed.join()
    feed.join()
    assert readers(pipeline) == 1
    feed.leave()
    feed.leave()
    assert readers(pipeline) == 0
    send(pipeline)
    assert not feed.has_news


def test_a_request_that_changed_several_times_is_rendered_once() -> None:
    pipeline, feed = pipeline_and_feed()
    position = feed.join()
    send(pipeline)
    feed.render()
    (entry,) = entries(feed.news(position))
    assert (entry["outcome"], entry["status"], entry["inputs"]) == ("answered", 200, 1)


def test_a_reader_that_falls_behind_is_told_how_much_it_missed_and_goes_on() -> None:
    pipeline, feed = pipeline_and_feed(kept=3000)
    position = feed.join()
    for _ in range(10):
        send(pipeline)
        feed.render()
    news = feed.news(position)
    assert news.missed > 0
    assert not news.changes
    assert news.missed + len(feed.news(position + news.missed).changes) == 10
    send(pipeline)
    feed.render()
    assert [entry["number"] for entry in entries(feed.news(news.position))] == [11]


def test_more_changes_than_may_wait_are_missed_by_every_reader() -> None:
    pipeline, feed = pipeline_and_feed(waiting=4)
    position = feed.join()
    for _ in range(10):
        send(pipeline)
    feed.render()
    assert feed.news(position).missed == 8


def test_a_cleared_entry_is_not_shown_again_and_the_clearing_is_told() -> None:
    pipeline, feed = pipeline_and_feed()
    position = feed.join()
    send(pipeline)
    pipeline.journal.clear()
    send(pipeline, b"rlc-other")
    feed.render()
    news = feed.news(position)
    assert [change.entry is None for change in news.changes] == [True, False]
    assert entries(news)[0]["number"] == 2
