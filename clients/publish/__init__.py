"""A WHIP publisher for demos, tests and unattended rooms: a drawn host, or a media file in a loop."""
