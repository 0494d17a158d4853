"""Webhooks: what rooms' logs say, sent to a shop's own addresses by the Standard Webhooks specification."""
