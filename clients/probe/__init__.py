"""A viewer that measures: joins a room by WHEP and LL-HLS, decodes, says how late and steady it is."""
