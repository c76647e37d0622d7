"""Runs beside each other: several ways to learn on the same exams, and two finished runs."""
