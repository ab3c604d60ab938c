"""Names in a text: whole, misspelt, declined, in parts, and the surnames that say it alone."""
