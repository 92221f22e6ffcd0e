"""Spiking neurons: a thin layer over spikingjelly's nodes."""

import logging

# It warns whenever spikingjelly is imported on a machine without Triton, and nothing here needs it.
logging.getLogger("torch._library.triton").setLevel(logging.ERROR)
