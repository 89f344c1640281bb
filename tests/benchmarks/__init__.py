"""Speed, measured and printed as a table; never asserted."""
