"""The compression of a trained network: its students, and their teacher."""
