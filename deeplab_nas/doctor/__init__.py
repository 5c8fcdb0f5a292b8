"""What `scripts/doctor.py` looks at; imports TensorFlow in functions only."""
