"""The checks of servers, and all that the kit knows of HTTP.

``pytest -p relace_contract.pytest_options --pyargs relace_contract.server --relace-base-url URL``
runs them as a test suite.
"""
