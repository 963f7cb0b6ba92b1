"""Checks that hold a client to the contract, with the mock as the server it talks to.

They use the mock as any test would, through the public names of ``relace_mock``.
"""
