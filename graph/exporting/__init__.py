"""A run's model for other programs: its card, and the certificate that it answers there alike."""
