from worker.wording import counted


def test_a_noun_agrees_with_its_number() -> None:
    told = [counted(number, "object") for number in (0, 1, 2, 1200)]
    assert told == ["0 objects", "1 object", "2 objects", "1,200 objects"]
