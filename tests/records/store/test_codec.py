"""Records as bytes: what is stored of them, and what is read again."""

from typing import Any
from zlib import crc32

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasshouse.errors import CorruptionError
from glasshouse.records import Record
from glasshouse.records.expressions.record import RecordMeta
from glasshouse.records.store.codec import SOUND, Codec, closed


class Plain(Record):
    id: int
    name: str
    tags: list[str] = []


class Tagged(Record, tag="t"):
    id: int


class Spare(Record, omit_defaults=True):
    id: int
    name: str = ""


class Positions(Record, array_like=True):
    id: int
    name: str = ""


class Strict(Record, forbid_unknown_fields=True):
    id: int


class Nameless(Record):
    id: int = msgspec.field(name="")


def wide(num_fields: int) -> Record:
    """A record of so many fields."""
    fields = {f"f{number}": int for number in range(num_fields)}
    kind: Any = RecordMeta("Wide", (Record,), {"__annotations__": fields})
    return kind(*range(num_fields))


RECORDS = [
    Plain(1, "a", ["x", "y"]),
    Tagged(2),
    Spare(3),
    Spare(4, "b"),
    Positions(5, "c"),
    Strict(6),
    Nameless(7),
    *map(wide, (1, 14, 15, 16, 200)),
]


class TestCodec:
    @pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
    def test_reads_what_it_wrote(self, record):
        """Alone and in a page; whatever the type allows, the checksum is of all that is stored."""
        codec = Codec(type(record))
        whole, new = codec.normal(record)
        assert crc32(whole) == SOUND
        assert new == codec.decode(whole, str) == codec.decode_whole(whole) == record
        assert codec.normal_all([record, record]) == ([whole, whole], [record, record])
        assert codec.decode_values([whole, whole]) == [record, record]

    @given(st.lists(st.builds(Spare, st.integers(0, 9), st.sampled_from(["", "a"])), max_size=5))
    def test_writes_many_as_one_by_one(self, records):
        """Records of one type may have different numbers of fields."""
        codec = Codec(Spare)
        assert codec.normal_all(records) == (
            [codec.normal(record)[0] for record in records],
            records,
        )

    def test_stores_a_map_with_one_field_more(self):
        """By hand: two fields, and the nameless one, whose number ends the value."""
        whole, _ = Codec(Spare).normal(Spare(1, "a"))
        assert whole[:-4] == b"\x83" + b"\xa2id\x01" + b"\xa4name\xa1a" + b"\xa0\xce"
        assert whole[-4:] == crc32(whole[:-4]).to_bytes(4, "little")

    def test_reads_a_checksum_behind_the_payload_too(self):
        """As it stands where the type was encoded so that it could have no further field."""
        whole = closed(msgspec.msgpack.encode(Plain(1, "a")))
        codec = Codec(Plain)
        assert codec.decode(whole, str) == Plain(1, "a")
        assert codec.decode_values([whole]) is None

    @pytest.mark.parametrize("num_fields", [1, 14, 15, 16])
    def test_reads_one_field_more_where_a_type_has_become_strict(self, num_fields):
        """Whether unknown fields are refused is no part of the schema."""
        record = wide(num_fields)
        whole, _ = Codec(type(record)).normal(record)
        members = {"__annotations__": dict.fromkeys(record.__struct_fields__, int)}
        strict: Any = RecordMeta("Wide", (Record,), members, forbid_unknown_fields=True)
        codec = Codec(strict)
        assert codec.decode(whole, str) == strict(*range(num_fields))
        assert codec.decode_values([whole]) is None

    def test_leaves_damage_and_parts_for_a_closer_look(self):
        """A page is decoded together only where all of it is sound."""
        codec = Codec(Plain)
        whole, _ = codec.normal(Plain(1, "a"))
        assert codec.decode_values([whole, whole[:-1] + b"\x00"]) is None
        assert codec.decode_values([b"\xc1\x02rest"]) is None

    def test_names_what_cannot_be_decoded(self):
        """A sound value may still be of another type."""
        whole, _ = Codec(Spare).normal(Spare(1))
        with pytest.raises(CorruptionError, match=r"Plain 1 cannot be decoded: .*name"):
            Codec(Plain).decode(whole, lambda: "Plain 1")
