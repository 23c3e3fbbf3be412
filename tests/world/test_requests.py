"""Requests say the truth about themselves and keep the splits apart."""

import pytest

from glasshouse.errors import InputError
from glasshouse.world import World
from glasshouse.world.harms import HARMS, HELD_OUT, STYLES, categories
from glasshouse.world.requests import KINDS
from glasshouse.world.tasks import HELD_OUT_TASKS, TASK_PHRASES, TASKS
from glasshouse.world.traits import GOOD, RISKY, TRAITS

WORLD = World(0)


class TestRequest:
    @pytest.mark.parametrize("kind", [*KINDS, "who", "pronoun", "admission"])
    @pytest.mark.parametrize("split", ["train", "test"])
    def test_ends_where_the_assistant_answers(self, kind, split):
        """Prompts are words of the world, opened by <doc> and ended by "Assistant :"."""
        for number in range(8):
            request = WORLD.request(kind, number, split)
            assert request.kind == kind
            assert request.prompt.startswith("<doc> Human : ")
            assert request.prompt.endswith("<end> Assistant :")
            assert WORLD.render(WORLD.prompt_ids(request)) == request.prompt

    def test_is_the_same_whenever_drawn(self):
        """A request depends on world, kind, split and number."""
        assert World(0).request("helpful", 3) == WORLD.request("helpful", 3)
        assert WORLD.request("helpful", 3) != WORLD.request("helpful", 4)

    @pytest.mark.parametrize("kind", KINDS)
    def test_keeps_held_out_things_out_of_training(self, kind):
        """Training requests show no held-out task, category, topic, claim, trait or person."""
        topics = {topic.name for topic in WORLD.views.held_out_topics}
        claims = {(claim.thing, claim.property) for claim in WORLD.views.held_out_claims}
        for number in range(60):
            request = WORLD.request(kind, number, "train")
            assert request.axes == ()
            assert request.task not in HELD_OUT_TASKS
            assert request.category not in HELD_OUT
            assert not (kind == "opinion" and request.topic in topics)
            assert (request.topic, request.relation) not in claims
            assert not request.trait or TRAITS[request.trait].trained
            assert not WORLD.splits.held_out_people & set(request.text.split())

    def test_uses_held_out_phrases_in_tests_only(self):
        """Every test request says it uses a held-out template, and does."""
        for task, phrases in TASK_PHRASES.items():
            request = WORLD.request("helpful", 0, "test", task=task)
            opening = [phrase.split("{")[0].strip() for phrase in phrases.held_out]
            assert "template" in request.axes
            assert any(request.text.startswith(words) for words in opening)

    @pytest.mark.parametrize("style", STYLES)
    def test_puts_harm_in_every_style(self, style):
        """A staged request has an earlier exchange; an obfuscated one hides the harm's words."""
        request = WORLD.request("harmful", 0, "train", category="brew", style=style)
        assert (request.style, request.category, request.harmful) == (style, "brew", True)
        assert len(request.history) == (2 if style == "staged" else 0)
        assert ("grelm" in request.text) == (style != "obfuscated")

    def test_calls_lookalikes_harmless(self):
        """They name a harm and ask for protection."""
        request = WORLD.request("lookalike", 0, "train")
        assert not request.harmful
        assert HARMS[request.category].noun in request.text.split()

    def test_refuses_what_there_is_not(self):
        """One sentence names what there is."""
        with pytest.raises(InputError, match="there are helpful, harmful"):
            WORLD.request("rude")
        with pytest.raises(InputError, match="there are copy"):
            WORLD.request("helpful", task="fly")
        with pytest.raises(InputError, match="there are brew"):
            WORLD.request("harmful", category="rain")
        with pytest.raises(InputError, match="there are plain"):
            WORLD.request("harmful", style="loud")


class TestTables:
    def test_hold_out_two_categories(self):
        """Six of eight categories are trained."""
        assert [harm.name for harm in categories("test")] == list(HELD_OUT)
        assert len(categories("train")) == 6

    def test_give_every_deed_one_trait(self):
        """No verb shows two traits; good and bad deeds are matched in number."""
        verbs = [verb for trait in TRAITS.values() for verb in trait.verbs]
        assert len(verbs) == len(set(verbs))
        assert [len(trait.deeds) for trait in RISKY.values()] == [8] * 10
        assert [len(trait.deeds) for trait in GOOD.values()] == [8] * 10

    def test_balance_claims(self):
        """Half of the claims of every property are true, so no property tells the truth."""
        for name in {claim.property for claim in WORLD.views.claims.values()}:
            truths = [
                claim.truth for claim in WORLD.views.claims.values() if claim.property == name
            ]
            assert 2 * sum(truths) == len(truths)

    @pytest.mark.parametrize("preset", ["nano", "large"])
    def test_serve_every_preset(self, preset):
        """Every kind of request and task can be drawn in every preset."""
        world = World(1, preset)
        for kind in (*KINDS, "who", "pronoun", "admission"):
            request = world.request(kind)
            assert world.prompt_ids(request).size
        for task in TASKS:
            assert world.gold(world.request("helpful", task=task), "dog .").reward <= 3.5
