"""`--check-shapes` checks: a green run alone would not show that it does nothing."""

import pytest
import torch


def test_refuses_a_wrong_shape_in_every_room_with_shapes(request):
    """One function of each of several rooms, called with axes that contradict each other."""
    if not request.config.getoption("--check-shapes"):
        pytest.skip("--check-shapes was not given")
    from jaxtyping import TypeCheckError

    from glasshouse.interpret.dictionaries.fused import select
    from glasshouse.models.superposition import weighted_error
    from glasshouse.world.features import SparseFeatures

    with pytest.raises(TypeCheckError):
        select(torch.zeros(3), 1)
    with pytest.raises(TypeCheckError):
        weighted_error(torch.zeros(1, 2, 3), torch.zeros(1, 2, 4), torch.ones(1, 3))
    with pytest.raises(TypeCheckError):
        SparseFeatures((), torch.zeros(2), torch.zeros(2), torch.zeros(2))  # type: ignore[arg-type]
