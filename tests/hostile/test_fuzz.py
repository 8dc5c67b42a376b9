"""The readers of strangers' bytes, fed with damaged files, and with all that fuzzing has found so far.

The long form, guided by coverage, is `make fuzz`; what it finds becomes a case here.
"""

import pytest
from fuzz_targets import DIGITS, PICTURES, TARGETS, png, zip_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ANYTHING = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
EDITS = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=4), st.integers(0, 4)), min_size=1, max_size=6
)
"""Places in a file, what is put there, and how many bytes are taken away."""
FOUND = {
    "a member whose name begins with NUL": ("zip", zip_of({"Xa.png": png()}).replace(b"Xa.png", b"\0a.png")),
    "an array that ends as a zip of arrays": ("array", PICTURES + DIGITS),
}
"""Each ended in an exception that nobody had foreseen."""
OPCODES = [bytes([code]) for code in b"().]}aesutqrhjXKMJGNQRbc\x80\x85\x86\x87\x88\x8a\x8c\x93\x94\x95\x00\x01"]


@pytest.mark.parametrize("what", FOUND)
def test_what_was_found(what, tmp_path):
    name, content = FOUND[what]
    TARGETS[name].read(content, tmp_path)


@pytest.mark.parametrize("name", TARGETS)
def test_a_whole_file_is_read(name, tmp_path):
    """Or else the damage below would be done to nothing."""
    for seed in TARGETS[name].seeds:
        assert TARGETS[name].read(seed, tmp_path)
        assert not TARGETS[name].read(b"\0" + seed[:-30], tmp_path)


@pytest.mark.parametrize("name", TARGETS)
@ANYTHING
@given(data=st.data(), edits=EDITS)
def test_damaged_files(name, tmp_path, data, edits):
    content = data.draw(st.sampled_from(TARGETS[name].seeds))
    for place, inserted, removed in edits:
        at = int(place * len(content))
        content = content[:at] + inserted + content[at + removed :]
    TARGETS[name].read(content, tmp_path)


@pytest.mark.parametrize("name", TARGETS)
@ANYTHING
@given(start=st.sampled_from([b"", b"PK\x03\x04", b"\x93NUMPY\x01\0", b"\x80\x02", b"a = "]), noise=st.binary())
def test_noise(name, tmp_path, start, noise):
    TARGETS[name].read(start + noise, tmp_path)


@ANYTHING
@given(codes=st.lists(st.sampled_from(OPCODES)))
def test_pickles_of_known_opcodes(tmp_path, codes):
    TARGETS["pickle-in-zip"].read(b"".join(codes), tmp_path)
