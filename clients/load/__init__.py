"""A load generator: many viewers who watch, talk, come and go, and a check of what reached them."""
