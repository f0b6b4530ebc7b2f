"""Flower's pages of uploads, in Debian's chromium, as a person sees them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.end_to_end.cluster import Cluster, eventually
from tests.end_to_end.test_flower import Flower, started
from tests.servers.faults import AnswerError
from worker.models.upload import UploadState

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason="chromium is not installed"),
    pytest.mark.xdist_group("chromium"),
]
IMAGES = Path(__file__).parents[2] / "docs" / "images"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@pytest.fixture
def flower(running: Cluster) -> Iterator[Flower]:
    with started(running, "-m", "tasks.monitor") as (shown, _):
        yield shown


#: Shows the results root as the documentation has it.
RENAME = """(root) => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    texts.currentNode.data = texts.currentNode.data.replace(root, "/results");
  }
}"""


def picture(page: Page, name: str, root: Path) -> None:
    """Keep what is seen, if the documentation's pictures are to be made anew."""
    if "ONEPREFIX_SCREENSHOTS" in os.environ:
        page.evaluate(RENAME, str(root))
        page.screenshot(path=IMAGES / f"flower-{name}.png")


def test_uploads_are_listed_by_job_and_run_with_their_reasons(
    running: Cluster, browser: Browser, flower: Flower
) -> None:
    worker = running.start_worker()
    eventually(flower.hears_a_worker, "Flower hears the worker")
    for run in (4, 5, 6):
        (running.results / f"RUN{run}").mkdir()
        (running.results / f"RUN{run}" / "out.csv").write_text("1,2\n" * 100_000)
    running.strict.proxy.fault(
        lambda each: each.operation == "PutObject" and "run_6" in each.key,
        AnswerError(503, "SlowDown"),
    )
    tasks = {run: running.send(12, run, str(running.results / f"RUN{run}")) for run in (4, 5, 6)}
    tasks[99] = running.send(12, 99, str(running.results / "RUN4"))
    running.wait_for(12, 4)
    running.wait_for(12, 5)
    running.wait_for(12, 99, UploadState.FAILED)
    states = {"SUCCESS": 2, "FAILURE": 1, "RETRY": 1}

    def seen() -> dict[str, int]:
        shown = [each["state"] for each in flower.listed()]
        return {state: shown.count(state) for state in set(shown)}

    eventually(lambda: seen() == states, "all are shown")
    context = browser.new_context(
        viewport={"width": 1720, "height": 560},
        http_credentials={"username": "ops", "password": "pw"},
    )
    page = context.new_page()
    page.goto(flower.url("/tasks"))
    page.wait_for_selector("text=job 12 run 99")
    listed = page.inner_text("#tasks-table")
    for text in ("job 12 run 4", "job 12 run 6", "there is no such run", "503 SlowDown"):
        assert text in listed
    assert "StorageUnavailable(" not in listed
    picture(page, "tasks", running.results)
    page.goto(flower.url(f"/task/{tasks[4]}"))
    shown = page.inner_text("#task-page")
    assert "job 12 run 4" in shown
    assert "/jobs/12/2025/10/23/211500/run_4_results.zip" in shown
    picture(page, "task", running.results)
    page.goto(flower.url(f"/worker/w0@{os.uname().nodename}"))
    page.wait_for_selector(f"text={worker.pid}")
    picture(page, "worker", running.results)
    context.close()
