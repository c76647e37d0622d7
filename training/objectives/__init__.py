"""What a training minimizes: one file for each objective."""
