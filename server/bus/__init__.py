"""The bus carries what is committed to where it is shown; whatever it loses can be read from SQL."""
