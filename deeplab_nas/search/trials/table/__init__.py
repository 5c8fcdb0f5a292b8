"""HB-1, a table of real trials of a small space, to develop strategies on.

What is in it, and what it can decide, is on g3doc/projects/table.md.
"""
