"""Spiking neurons: a thin layer over spikingjelly's nodes."""
