"""Evolution whose children begin with weights of their parents."""
