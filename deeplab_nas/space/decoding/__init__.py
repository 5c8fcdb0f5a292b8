"""How decoding finds its architectures, by what margin, and what it goes by."""
