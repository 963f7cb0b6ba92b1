"""The state of each API key: installed scenario, positions in scripts, quota, clock."""
