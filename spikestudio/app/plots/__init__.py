"""Plot items: arrays in, pixels out."""
