"""Settings: frozen records that check themselves, presets, --config=auto."""
