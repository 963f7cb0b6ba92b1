"""BAT: many texts in several requests."""

from __future__ import annotations

from relace_contract.client.answers import fault, status
from relace_contract.client.case import Case
from relace_contract.judgement import NotExercised

TEXTS = tuple(f"text number {place}" for place in range(10))
BATCH = 4


def sizes(case: Case) -> None:
    """BAT-01."""
    case.needs("batch")
    for count in (1, BATCH, BATCH + 1, len(TEXTS)):
        texts = TEXTS[:count]
        talk = case.play(texts, max_batch=BATCH)
        batches = [seen.texts for seen in talk.requests]
        if any(len(batch) > BATCH for batch in batches):
            raise talk.departs(f"a request must have at most {BATCH} texts")
        batches.sort(key=lambda batch: texts.index(batch[0]) if batch and batch[0] in texts else -1)
        if [text for batch in batches for text in batch] != list(texts):
            raise talk.departs("all requests together must contain every text once, in order")
        talk.gives(case.true(texts)[0])


def order(case: Case) -> None:
    """BAT-02."""
    case.needs("batch")
    late = {"input_contains": TEXTS[0]}
    rules = [{"when": late, "steps": [{"normal": True, "delay": "400ms", "times": "forever"}]}]
    talk = case.story(TEXTS, {"rules": rules}, max_batch=BATCH)
    if len(talk.requests) < 2:
        raise NotExercised(
            f"the client sent all {len(TEXTS)} texts in one request, although max_batch is {BATCH}",
            talk.evidence(),
        )
    talk.gives(case.true(TEXTS)[0])


def usage(case: Case) -> None:
    """BAT-03."""
    case.needs("batch")
    talk = case.play(TEXTS, max_batch=BATCH)
    talk.gives(*case.true(TEXTS))


def failure(case: Case) -> None:
    """BAT-04."""
    case.needs("batch")
    for place, step in (
        *((place, status(400, "not this one")) for place in (0, 5, len(TEXTS) - 1)),
        (5, status(500, "not this one")),
        (len(TEXTS) - 1, fault("reset")),
    ):
        rules = [{"when": {"input_contains": TEXTS[place]}, "steps": [step]}]
        talk = case.story(TEXTS, {"rules": rules}, max_batch=BATCH, max_retries=0)
        talk.fails()


def nothing(case: Case) -> None:
    """BAT-05: no texts, after a call which shows that the client sends requests at all."""
    case.play(TEXTS[:1]).gives(case.true(TEXTS[:1])[0])
    talk = case.play(())
    if talk.said.ending.value == "ok":
        talk.gives([])
    else:
        talk.fails("invalid_argument")
