"""Strategies that train one network at a time, and their study."""
