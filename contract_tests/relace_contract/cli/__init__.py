"""The commands ``relace-mock verify-server`` and ``relace-mock verify-client``.

Their modules import little but ``click`` until a command runs, because they are part of a larger
command line, which should start fast.
"""
