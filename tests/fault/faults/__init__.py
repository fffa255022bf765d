"""Every fault: one function each, one file for each thing that breaks."""
