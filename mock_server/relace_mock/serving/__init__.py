"""From the pipeline to sockets, processes and HTTP clients without a socket."""
