"""What comes out in answers, and what reading them changes, delays and costs."""
