"""Vectors: similar code gets similar vectors, and a text the same digits on every machine."""
