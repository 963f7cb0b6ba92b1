"""``python -m relace_mock`` is ``relace-mock``."""

from relace_mock.cli import main

if __name__ == "__main__":
    main()
