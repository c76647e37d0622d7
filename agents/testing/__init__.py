"""Doubles for tests of your own: a student and a trainer that answer from a table, and a server.

They are small ordinary classes, and refuse what the real parts refuse.
"""
