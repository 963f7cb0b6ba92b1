"""Real clients, each with its adapter and the list of its known failures."""
