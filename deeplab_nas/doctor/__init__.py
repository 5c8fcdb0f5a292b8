"""What the doctor looks at; imports TensorFlow in functions only."""
