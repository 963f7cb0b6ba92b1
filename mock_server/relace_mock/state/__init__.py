"""The state of every API key: what is installed, positions in scripts, quota, clock."""
