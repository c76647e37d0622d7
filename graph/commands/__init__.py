"""Commands that are no run: one file each."""
