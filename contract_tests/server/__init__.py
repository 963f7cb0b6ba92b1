"""The checks of servers, and all that the kit knows of HTTP.

``pytest --pyargs contract_tests.server --base-url URL`` runs them as a test suite.
"""
