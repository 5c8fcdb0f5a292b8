"""Settings: frozen records that check themselves, of a file or a preset."""
