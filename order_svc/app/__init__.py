"""Use cases: which steps happen in which order, and what each of them stores."""
