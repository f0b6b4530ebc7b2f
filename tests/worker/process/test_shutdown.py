import os
import time

from worker.process.shutdown import StopSign


def test_it_says_nothing_until_it_is_put_up_and_its_time_has_come() -> None:
    sign = StopSign()
    assert not sign.is_up
    assert not sign.says_stop()
    sign.put_up(0.2)
    assert sign.is_up
    assert not sign.says_stop()
    time.sleep(0.25)
    assert sign.says_stop()


def test_it_may_come_sooner_than_it_said_and_never_later() -> None:
    sign = StopSign()
    sign.put_up(60)
    sign.put_up(0)
    assert sign.says_stop()
    sign.put_up(60)
    assert sign.says_stop()


def test_processes_forked_before_see_it() -> None:
    sign = StopSign()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        deadline = time.monotonic() + 10
        while not sign.says_stop() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.write(writing, b"stop" if sign.says_stop() else b"none")
        os._exit(0)
    sign.put_up(0)
    assert os.read(reading, 4) == b"stop"
    os.waitpid(child, 0)
    os.close(reading)
    os.close(writing)
