"""The commands ``relace-mock verify-server`` and ``relace-mock verify-client``.

The modules of the commands import nothing but ``click`` until one runs, as they are a part of a
larger command line.
"""
