"""Tools that need no server: vectors as arrays, source files as pieces, search in code."""
