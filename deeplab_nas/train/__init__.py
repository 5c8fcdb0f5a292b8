"""Losses, metrics, schedules and run bookkeeping."""
