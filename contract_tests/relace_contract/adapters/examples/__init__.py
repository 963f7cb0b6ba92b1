"""Real clients, each with its adapter and the list of what it is known to get wrong."""
