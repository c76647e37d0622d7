"""Where generated code runs, and nothing else of the machine with it."""
