"""A trained network in use: export, prediction, TF Serving, its client."""
