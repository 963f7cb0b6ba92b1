"""Vectors: like code gets like vectors, and the same text the same digits on every machine."""
