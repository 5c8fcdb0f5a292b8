"""Data: TFRecord schema, dataset descriptions and the input pipeline."""
