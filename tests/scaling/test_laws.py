import numpy as np
import pytest
from tests.scaling.synthetic import CHINCHILLA, KAPLAN_N, KAPLAN_ND

from glasshouse.errors import InputError
from glasshouse.scaling import LAWS, named_law, without_constant

FORMS = [*LAWS.values(), *map(without_constant, LAWS.values())]


class TestLaw:
    @pytest.mark.parametrize("law", FORMS, ids=lambda law: law.title)
    def test_has_the_slopes_of_its_values(self, law):
        """Every slope agrees with a difference quotient, so that descents go down."""
        rng = np.random.default_rng(0)
        count = len(law.variables)
        x = rng.standard_normal((5, count))
        unknowns = np.concatenate(
            [rng.normal(0, 1, count), rng.uniform(0.1, 0.6, count), [0.3] * law.has_constant]
        )[None]
        _, slopes = law.log_loss(unknowns, x)
        for place in range(law.num_unknowns):
            nudge = np.zeros_like(unknowns)
            nudge[0, place] = 1e-6
            up, down = law.log_loss(unknowns + nudge, x)[0], law.log_loss(unknowns - nudge, x)[0]
            assert slopes[0, :, place] == pytest.approx((up - down)[0] / 2e-6, abs=1e-7)

    @pytest.mark.parametrize("law", FORMS, ids=lambda law: law.title)
    def test_says_its_unknowns_in_the_papers_words(self, law):
        """What `readings` prints gives the same loss as what was fitted."""
        count, middle = len(law.variables), np.array([3.0, 5.0])[: len(law.variables)]
        unknowns = np.array([*[0.2, 0.4][:count], *[0.3, 0.25][:count], *[0.1] * law.has_constant])
        values = {name: np.array([10.0, 200.0]) for name in law.variables}
        x = np.log(np.stack(list(values.values()), axis=1)) - middle
        found = {name: float(one[0]) for name, one in law.readings(unknowns[None], middle).items()}
        fitted = np.exp(law.log_loss(unknowns[None], x)[0][0])
        assert law.loss_at(found, values) == pytest.approx(fitted)

    def test_gives_what_kaplan_et_al_print(self):
        """A law of one variable is 1 where its variable is its factor, and halves as it says."""
        values = {"N": np.array([8.8e13, 8.8e13 * 2 ** (1 / 0.076)])}
        assert LAWS["N"].loss_at(KAPLAN_N, values) == pytest.approx([1, 0.5])

    def test_gives_chinchillas_own_loss(self):
        """70B parameters and 1.4T tokens reach 1.93 by the published law."""
        values = {"N": np.array([70e9]), "D": np.array([1.4e12])}
        assert LAWS["ND"].loss_at(CHINCHILLA, values) == pytest.approx(1.937, abs=0.005)

    def test_of_kaplan_is_the_law_of_one_variable_at_the_ends(self):
        """With data without end L(N, D) is L(N); with parameters without end, L(D)."""
        law = LAWS["ND-kaplan"]
        at_n = law.loss_at(KAPLAN_ND, {"N": np.array([1e9]), "D": np.array([1e40])})
        assert at_n == pytest.approx((6.4e13 / 1e9) ** 0.076)
        at_d = law.loss_at(KAPLAN_ND, {"N": np.array([1e40]), "D": np.array([1e9])})
        assert at_d == pytest.approx((1.8e13 / 1e9) ** 0.103)

    def test_refuses_a_name_it_does_not_know(self):
        """The names are told."""
        with pytest.raises(InputError, match="must be one of N, D, C"):
            named_law("M")

    def test_refuses_half_its_numbers(self):
        """A law cannot be drawn from a part of it."""
        with pytest.raises(InputError, match="needs N_c"):
            LAWS["N"].loss_at({"alpha": 0.1}, {"N": np.ones(1)})
