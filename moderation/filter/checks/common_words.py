"""Words that people say all the time: what they stand beside is a sentence, not a name."""

from __future__ import annotations


def named(text: str) -> frozenset[str]:
    """The words of ``text``."""
    return frozenset(text.split())


COMMON = named(
    "a about actually after again ago all almost already also always am amazing an and any anyone anything"
    " are around as ask at available awesome away back bad bag bags be beautiful because been before best"
    " better big black blue bottom box but buy buying bye by bag can cant card case cheap check clean close"
    " code cold color colors colour come coming cool could cute cuz dark day days deal deals did didnt do"
    " does doesnt doing done dont dot down dress easy else end enough even ever every everyone everything"
    " exactly"
    " excellent fabric fast feel fine finally first fit for free friend friends from full fun funny get gift"
    " give go going gold gonna good got great green guys had half happy hard has have he hello help her here"
    " hey hi high him his home hot how i if ill im in is isnt it item its ive join just keep kind know large"
    " last late later left less let lets light like link list little live lol long look looking looks lot"
    " lots love loved lovely low made make many maybe me mean medium mine money more most much must my name"
    " need never new next nice night no nope not nothing now of off oh ok okay old on one online only open or"
    " order ordered orders other our out over page paid paper pay payment perfect pink place please pls point"
    " polka pretty price prices product products quality quick quite real really red right room safe said"
    " sale same save say see sell send set she ship shipping shop show side sir size sizes slow small so sold"
    " some someone something soon sorry still stock stop store stream stuff such super sure take talk tell"
    " thank thanks that thats the their them then there these they thing things think this those time to"
    " today tomorrow tonight too top total totally tried true try two u ugly under until up ur us use very"
    " wait want was watch water way we wear week well went were what when where which white who why will with"
    " without wonderful work works worth would wow wrong yeah yep yes yesterday yet"
    " echo swiss micro you your yours"
)
