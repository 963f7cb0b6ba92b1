"""The proxy of ``relace-mock run``: leads a command's requests for Relace to a mock."""
