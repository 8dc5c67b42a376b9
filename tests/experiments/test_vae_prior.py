"""Which codes a VAE's mixture is fitted to."""

from types import SimpleNamespace

import numpy as np
import pytest

from idlcli.errors import DataError
from idlcli.experiments import vae_prior
from idlcli.runs import Run
from idlcli.settings import VaeSettings


@pytest.mark.parametrize(("most", "fitted"), [(100, range(1, 41)), (4, (1, 14, 27, 40))])
def test_a_mixture_is_of_training_faces_only_evenly_taken_where_they_are_many(monkeypatch, most, fitted):
    # Face i is grey i and its code is i, drawn without spread, so that codes tell which faces were taken.
    faces = np.repeat(np.arange(42, dtype=np.uint8), 12).reshape(42, 2, 2, 3)
    prepared = SimpleNamespace(
        settings=SimpleNamespace(seed=0, mixture=2), train=np.arange(1, 41), faces=SimpleNamespace(images=faces)
    )

    def encode(_, pictures):
        greys = 255 * np.asarray(pictures)[:, 0, 0, :1]
        return greys, np.full_like(greys, -200)

    monkeypatch.setattr(vae_prior, "MOST_IMAGES", most)
    monkeypatch.setattr(vae_prior, "apply", encode)
    monkeypatch.setattr(vae_prior, "fit_mixture", lambda codes, components, seed: codes)
    codes = vae_prior.fit(SimpleNamespace(inference_encoder=None), prepared)
    assert np.rint(codes).ravel().tolist() == list(fitted)


def test_a_run_that_is_not_done_says_how_to_have_its_mixture(tmp_path):
    with pytest.raises(DataError, match="has no mixture yet") as caught:
        vae_prior.read(Run(tmp_path / "00001-vae"), VaeSettings())
    assert f"idl runs resume {tmp_path / '00001-vae'}" in caught.value.hint
