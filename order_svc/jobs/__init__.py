"""Background loops, one per file, each with run_once()."""
