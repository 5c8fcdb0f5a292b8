"""Export to SavedModel, TF Serving's side files, and a client."""
