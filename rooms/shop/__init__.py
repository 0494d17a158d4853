"""Selling in a room: the shelf, pins, holds, orders, payments."""
