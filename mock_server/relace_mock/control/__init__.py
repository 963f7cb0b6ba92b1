"""The control API, its client, and the verdict on a client."""
