"""Coupons: made by the host, dropped into the room, claimed by viewers, redeemed with orders."""
