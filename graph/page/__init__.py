"""The page of a run: one self-contained HTML file, or the same served as the run goes."""
