"""Attacks on a running server, and the time of a health request and of SIGTERM meanwhile."""
