"""Test doubles for tests of your own: they need no network, no GPU and no test framework."""
