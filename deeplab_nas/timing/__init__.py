"""Clocks: how long operations and networks take on this device, as exported.

What belongs here: the graphs that are timed, the table that is made of their
times (`deeplab_nas.space.latency`), and its comparison with the clock.
"""
