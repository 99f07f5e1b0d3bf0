"""A book of levels beside a plain dictionary that is sorted each time."""

import random

from consumers.gateway.book import ASK, BID, Book


def test_the_best_levels_are_those_of_a_sorted_dictionary() -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    book = Book()
    plain: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for _ in range(3000):
        side, price = rng.randrange(2), rng.randrange(1, 60)
        lots = rng.choice((0, rng.randrange(1, 1000)))
        book.set(side, price, lots)
        if lots:
            plain[side][price] = lots
        else:
            plain[side].pop(price, None)
        most = rng.randrange(1, 70)
        for each in (BID, ASK):
            ordered = sorted(plain[each].items(), reverse=each == BID)
            assert book.top(each, most) == ordered[:most]
            assert book.best(each) == (ordered[0] if ordered else None)
    other = Book()
    for each in (BID, ASK):
        other.fill(each, list(plain[each].items()))
        assert other.top(each, 100) == book.top(each, 100)
    assert len(other) == len(book) == len(plain[BID]) + len(plain[ASK])
