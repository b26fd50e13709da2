"""A tour from a dot product to translation: python -m recipes.tour."""
