"""Every screen and picture."""
