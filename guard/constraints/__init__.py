"""What a client makes the model write: read, exchanged for stand-ins, and put back."""
