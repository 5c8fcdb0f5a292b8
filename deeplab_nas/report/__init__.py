"""What a run tells its user: progress, logs, pictures, warnings, estimates."""
