"""Recipes: one script a task, from data to a served model."""
