"""How large a scenario may be, and how many there may be."""

from __future__ import annotations

#: Most bytes of a scenario, and most characters once its aliases are written out.
SIZE_LIMIT = 1_000_000
#: Most values of a scenario; an alias counts as often as it is used.
VALUE_LIMIT = 20_000
DEPTH_LIMIT = 50
#: Scenario files in a folder. With ``reload`` each one is looked at several times a second.
FILE_LIMIT = 1000
#: Bytes of all scenarios of a kind together: those in the user's files, or those installed.
KEPT_LIMIT = 64_000_000
