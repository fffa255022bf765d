"""Every fault: one function each, in a file per thing that breaks."""
