"""What people see and take of a study: lines, summary, picture, curves."""
