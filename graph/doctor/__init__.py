"""What is wrong with an exam, a base model or a run, each finding with its evidence and what to do.

Nothing here asks a model, or writes a file.
"""
