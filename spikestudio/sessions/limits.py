"""How much a session file holds; light to import."""

DEFAULT_LIMIT_MB = 256  # of recordings that are not pinned
LIMITS_MB = (0, 16, 64, 256, 1024, 4096)
