"""Who does it: the five agents of the loop, and what they work with."""
