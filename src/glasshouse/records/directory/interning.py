"""Long texts as small numbers, both ways: what keys are made of where names are long.

Source:
    1901.04452, section 5.2: the Record Layer interns the texts of key spaces through its directory
    layer. Differs: the rows are our own, as every version of the Record Layer has had others.
"""

from dataclasses import dataclass, field

from glasshouse.errors import EngineError
from glasshouse.records.directory.allocator import PrefixAllocator
from glasshouse.records.engines.engine import Transaction
from glasshouse.records.subspace import Subspace
from glasshouse.records.tuples import pack, unpack


@dataclass(frozen=True, slots=True)
class Interned:
    """A table of texts and their numbers; what was committed is remembered.

    A number once given stays, so that what is remembered is never wrong.
    """

    place: Subspace
    """Where the table is kept."""
    _numbers: dict[str, int] = field(default_factory=dict, compare=False, repr=False)
    _texts: dict[int, str] = field(default_factory=dict, compare=False, repr=False)

    def number_of(self, transaction: Transaction, text: str) -> int:
        """The number of a text, which is given one if it has none.

        Who is given one in a transaction that is not committed has none.
        """
        known = self.find(transaction, text)
        if known is not None:
            return known
        number = unpack(PrefixAllocator(self.place["hca"]).allocate(transaction))[0]
        transaction.set(self.place.pack(("number", text)), pack((number,)))
        transaction.set(self.place.pack(("text", number)), text.encode())
        return number

    def find(self, transaction: Transaction, text: str) -> int | None:
        """The number of a text, or None if it has none."""
        number = self._numbers.get(text)
        if number is None:
            held = transaction.get(self.place.pack(("number", text)))
            if held is None:
                return None
            number = unpack(held)[0]
            if not transaction.approximate_size:  # else it may be this transaction's own
                self._numbers[text], self._texts[number] = number, text
        return number

    def text_of(self, transaction: Transaction, number: int) -> str:
        """The text that a number stands for.

        Raises:
            EngineError: If it stands for none.
        """
        text = self._texts.get(number)
        if text is None:
            held = transaction.get(self.place.pack(("text", number)))
            if held is None:
                raise EngineError(f"the number {number} stands for no text in {self.place}")
            text = held.decode()
        return text
