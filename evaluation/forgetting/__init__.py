"""What a model still tells, and whether it shows that something was forgotten."""
