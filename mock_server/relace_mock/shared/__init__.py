"""State and journal in Redis, which any number of workers and replicas share."""
