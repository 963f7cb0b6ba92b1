"""Servers and transports: sockets, processes, ASGI, and HTTP clients without a socket."""
