"""Attacks on a running server, and what a health request and SIGTERM take meanwhile."""
