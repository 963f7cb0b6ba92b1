"""``python -m mock_server`` is ``relace-mock``."""

from mock_server.cli import main

if __name__ == "__main__":
    main()
