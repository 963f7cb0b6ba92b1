"""Scenarios: the stories that the server plays.

``source``, ``kinds`` and ``compounds`` read a file, ``model`` says what it can hold, ``matching`` and
``engine`` play it, ``library`` finds it by name, ``describe`` tells it in words. ``faults``,
``mutations`` and ``delays`` are what it can do, one a file.
"""
