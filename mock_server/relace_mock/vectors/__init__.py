"""The vectors of texts: spaces, the words they are made of, and the cache of rendered rows."""
