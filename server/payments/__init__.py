"""Paying: the providers, and the walk from an attempt to an order that is paid."""
