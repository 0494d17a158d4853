"""What text from people may contain: cleaning, and word lists over normalised text."""

from moderation.filter.clean import clean_name, clean_text, perceived_length
from moderation.filter.word_lists import Entry, WordListError
from moderation.filter.words import Reason, TextFilter, Verdict

__all__ = [
    "Entry",
    "Reason",
    "TextFilter",
    "Verdict",
    "WordListError",
    "clean_name",
    "clean_text",
    "perceived_length",
]
