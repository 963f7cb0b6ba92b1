"""The checks of servers, and the HTTP client that they use.

``pytest -p relace_contract.pytest_options --pyargs relace_contract.server --relace-base-url URL``
runs them as a test suite.
"""
