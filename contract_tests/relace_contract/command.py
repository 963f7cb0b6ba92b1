"""Where the command line of the mock looks for ``verify-server``."""

from relace_contract.cli.verify_server import verify_server

__all__ = ["verify_server"]
