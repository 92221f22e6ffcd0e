"""What figures look like. Every module stands alone, so that a figure bundle can carry a copy of it."""
