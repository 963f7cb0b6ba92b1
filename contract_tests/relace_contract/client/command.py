"""Where the command line of the mock looks for ``verify-client``."""

from relace_contract.cli.verify_client import verify_client

__all__ = ["verify_client"]
