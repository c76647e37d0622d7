"""Further machines, joined by Ray: students that answer there, and trainings there."""
