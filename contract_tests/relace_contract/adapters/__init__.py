"""How a client under test is driven: JSON lines, a command a call, a Python callable."""
