"""Write the golden vectors anew: ``python -m tests.golden``."""

from tests.golden import main

main()
