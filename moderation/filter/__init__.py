"""What text from people may contain: cleaning, and word lists over normalised text."""

from moderation.filter.clean import clean_name, clean_text, perceived_length
from moderation.filter.entries import Entry, ListProblem, WordListError
from moderation.filter.normalise import Normalised, normalise
from moderation.filter.words import LevelOf, Reason, TextFilter, Verdict, WordHit, masked, usual_level

__all__ = [
    "Entry",
    "LevelOf",
    "ListProblem",
    "Normalised",
    "Reason",
    "TextFilter",
    "Verdict",
    "WordHit",
    "WordListError",
    "clean_name",
    "clean_text",
    "masked",
    "normalise",
    "perceived_length",
    "usual_level",
]
