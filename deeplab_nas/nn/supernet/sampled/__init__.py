"""A supernet of which one path and few operations are computed."""
