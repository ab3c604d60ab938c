"""How a recipe is learned: examples, stages, the objective."""
