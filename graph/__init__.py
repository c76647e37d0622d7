"""When it happens: the loop, the files of a run, commands and screens."""
