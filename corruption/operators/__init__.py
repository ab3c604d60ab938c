"""Kinds of corruption: noise and its like, stand-ins, a learned map."""
