"""Real vectors, kept by text: recorded from an upstream, and replayed without it."""
