"""What one picture is drawn from, one pass each."""
