"""Starter models and data, each made by the script beside it; `catalogue.yaml` lists them all."""
