"""Trials on many machines, which Ray has joined to a cluster."""
