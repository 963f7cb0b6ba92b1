"""The contract kit: checks that hold servers and clients to ``openapi.yaml``.

Nothing that judges servers imports ``relace_mock``: a judge that shares code with the judged
cannot see the mistakes they share. ``client`` points clients at the mock, as any test would.
"""
