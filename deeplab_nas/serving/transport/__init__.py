"""How requests travel to TF Serving: over REST and gRPC."""
