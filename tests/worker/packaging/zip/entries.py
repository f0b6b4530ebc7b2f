"""ZIP entries of every kind, and numbers around the edges of the format's fields."""

import stat

from hypothesis import strategies as st

from worker.packaging.zip.format import DEFLATED, MAX_16, MAX_32, STORED
from worker.packaging.zip.headers import ZipEntry

ENTRY = ZipEntry(
    name=b"RUN4/out.csv",
    mode=stat.S_IFREG | 0o640,
    mtime=1_700_000_001,
    method=DEFLATED,
    crc=0x1234_5678,
    compressed_size=1000,
    size=3000,
)
values = st.one_of(
    st.integers(0, 2**40), st.sampled_from([MAX_32 - 1, MAX_32, MAX_32 + 1, MAX_16, 0])
)
entries = st.builds(
    ZipEntry,
    name=st.binary(min_size=1, max_size=300),
    mode=st.integers(0, 0xFFFF),
    mtime=st.integers(-(2**35), 2**35),
    method=st.sampled_from([STORED, DEFLATED]),
    crc=st.integers(0, MAX_32),
    compressed_size=values,
    size=values,
    streamed=st.booleans(),
    zip64=st.booleans(),
)

#: Numbers and entries that need no Zip64.
small = st.integers(0, MAX_32 - 1) | st.sampled_from([0, MAX_32 - 1])
small_entries = st.builds(
    ZipEntry._replace, entries, size=small, compressed_size=small, zip64=st.just(value=False)
)
