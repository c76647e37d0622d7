"""The commands as they are typed: a file for each, with its options beside it.

Their annotations are no strings (no `from __future__ import annotations`): typer would compile
each of them twice at every start. What a command needs is imported in it: --help answers at once.
"""
