"""The record of requests and responses, and the access log."""
