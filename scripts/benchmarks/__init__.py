"""Timings: each case in a process of its own, in alternation."""
