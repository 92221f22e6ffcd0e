"""What the views show, as QObjects without widgets."""
