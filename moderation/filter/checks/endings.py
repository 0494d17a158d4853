"""The endings of addresses, by what else they may be."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from moderation.filter.checks.common_words import named

# Those of which sites are made that are talked of in full: taken for an address even with a space or a word
# instead of the dot.
CORE = named("com net org cn info biz io xyz cc co vip shop site store online club tv")
# Endings that are words, units or files' endings: they make an address only with more to tell it by.
WEAK = named(
    "it is me to in at be my no am us as by do so la hi pm id ad al an ar ba bar best bet bid bio bo book box"
    " boo buy call cam car care case cash cat center cheap click coach cool dad day deal deals dev diet dog"
    " eat eco es et family fan fans farm fast fi film final fish fit fly foo food free fun game games gay"
    " gift gifts gives global gold good green group guide hair hot house how ink is its jobs kids kim kind"
    " land lat law li life like limited link live living lol love ma man market men menu mom money mov ne new"
    " news ng night now of ok one onl open or page pay phone pics pink pizza play plus press prime pro red"
    " rich rip run sa safe sale save search secure select sexy shoes show si size sky so social song spot st"
    " star studio style such sucks support sure talk tax team tech tel tips today top tours town toys trade"
    " try tube vote watch wear win wine work works world wow wtf yes you zero zone moe mo med boutique vi"
    " md py sh zip rs ps pl ai cm kg ml mm mg km ms mt ga gt tm tt tr pr vg sm"
)

# Those among them that begin a sentence or stand in one: "What a jacket. Shop name?"
SAID = named("net org info co vip shop site store online club tv biz cc")
# Endings that are words, but of which the addresses of adverts are made more than of any other.
BAIT = named(
    "top win bet click link live sale fun buzz loan icu deals ru tk ml gq gg io me ly app ws su pw world"
    " games"
)
# What is called so is no site.
NO_SITES = named("asp.net vb.net ado.net ml.net paint.net socket.io node.js")


@lru_cache(1)
def top_levels() -> frozenset[str]:
    """The names of the root zone, in Unicode and as punycode."""
    text = (files("moderation.filter.checks") / "tlds.txt").read_text("utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))
