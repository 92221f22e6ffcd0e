"""Sessions: what was done in a window, as one file, as a journal for the case of a crash, as a page."""
