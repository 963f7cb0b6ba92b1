"""Scenarios: files that say how requests fail, how often, and what comes after.

``source`` turns text into values with their places; ``kinds``, ``compounds``, ``numbers``,
``durations`` and ``patterns`` read these values; ``model``, ``rule``, ``when`` and ``step`` say
which keys there are. ``matching`` and ``engine`` play a scenario, ``library`` finds it by name, and
``describe`` explains it in words. ``faults``, ``mutations`` and ``delays`` hold one effect a file.
"""
