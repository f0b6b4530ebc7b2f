"""The pages in Debian's chromium, as a person uses them."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import update

from tests.end_to_end.cluster import CREATED_AT
from tests.web.conftest import TOKEN, Site
from tests.web.sample import add_sample
from tests.web.test_files import png
from tests.web.test_guard import SECRETS
from tests.worker.packaging.trees import make
from worker.bootstrap.services import Services
from worker.database.engine import transaction
from worker.database.jobs import add_job
from worker.database.tables import uploads
from worker.models.upload import UploadState
from worker.models.upload_request import UploadRequest

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason="chromium is not installed"),
    pytest.mark.xdist_group("chromium"),
]
IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDTHS = {"desk": 1280, "phone": 390}
OF_SQL = ["/", "/jobs", "/uploads", "/jobs/12", "/jobs/12/timeline", "/jobs/12/runs/37"]
OF_S3 = [
    "/jobs/12/artifacts",
    "/jobs/12/runs/41/files",
    "/jobs/12/runs/41/file?name=RUN41/out.csv",
    "/jobs/12/runs/41/file?name=RUN41/a.png",
]
#: Texts whose contrast with what is behind them is below WCAG's AA.
PALE = """() => {
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const over = (colours) => {
    context.clearRect(0, 0, 1, 1);
    for (const each of colours) { context.fillStyle = each; context.fillRect(0, 0, 1, 1); }
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.map((c) => c / 255)
      .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].filter((n) => n.nodeType === 3 && n.data.trim());
    const style = getComputedStyle(element);
    const isSeen = element.checkVisibility() && element.getClientRects().length;
    const isExempt = element.closest("svg, [aria-hidden=true], option, .nil");
    if (!text.length || !isSeen || isExempt) continue;
    const behind = [];
    for (let each = element; each; each = each.parentElement) {
      behind.unshift(getComputedStyle(each).backgroundColor);
    }
    const [front, back] = [over([...behind, style.color]), over(behind)].map(luminance);
    const contrast = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    if (contrast < 4.5) found.push([contrast, element.className, text[0].data.trim()].join(" "));
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@pytest.fixture(params=["sqlite"])
def database_url(tmp_path: Path) -> str:
    """One kind is enough: the other tests have both."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
def address(site: Site) -> Iterator[str]:
    add_sample(site.engine)
    with transaction(site.engine) as connection:
        connection.execute(update(uploads).where(uploads.c.run_id == 40).values(state="FAILED"))
    with site.open(**SECRETS | {"web_password": None}) as ask:
        yield ask.address


Open = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, address: str) -> Iterator[Open]:
    """Opens pages of the site in contexts of their own; at the end all must have been quiet."""
    noise: list[str] = []
    contexts = []

    def go(path: str, **options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: noise.append(f"{path}: {said.type} {said.text}"))
        page.on("pageerror", lambda error: noise.append(f"{path}: {error}"))
        page.on("request", lambda asked: _note_foreign(asked.url, address, noise))
        page.goto(address + path)
        return page

    yield go
    for context in contexts:
        context.close()
    assert [each for each in noise if "verbose" not in each] == []


def _note_foreign(url: str, address: str, noise: list[str]) -> None:
    if urlsplit(url).netloc != urlsplit(address).netloc:
        noise.append(f"a request leaves the host: {url}")


@pytest.mark.thorough("opens each page at two widths and in two schemes")
def test_no_page_scrolls_sideways_is_pale_or_says_anything_in_the_console(
    site: Site, opened: Open
) -> None:
    rows = "".join(f"{i / 10},{i * i},{-i}\n" for i in range(300))
    add_job(site.engine, 12, CREATED_AT, [41])
    site.land(41, {"out.csv": ("t,p,q\n" + rows).encode(), "a.png": png(900, 9), "n" * 200: b"1"})
    for path in [*OF_SQL, *OF_S3, "/sign-in"]:
        for width in WIDTHS.values():
            for scheme in ("light", "dark"):
                page = opened(path, viewport={"width": width, "height": 800}, color_scheme=scheme)
                page.wait_for_load_state("load")
                across = "document.documentElement.scrollWidth"
                assert page.evaluate(across) <= width, (path, width)
                assert page.evaluate(PALE) == [], (path, scheme)


def test_what_changes_is_seen_without_loading_the_page_again(site: Site, opened: Open) -> None:
    page = opened("/jobs/12")
    page.wait_for_selector("#live.on")
    page.focus("#r-32 a")
    page.evaluate("window.isTheSame = true")
    with transaction(site.engine) as connection:
        connection.execute(
            update(uploads).where(uploads.c.run_id == 32).values(state=UploadState.FAILED)
        )
    page.wait_for_selector("#r-32 .state.failed", timeout=5000)
    assert page.evaluate("window.isTheSame")
    assert page.evaluate("document.activeElement.textContent") == "32"
    assert page.locator("#summary .legend .failed").inner_text().endswith("FAILED")


def test_a_row_that_comes_is_added_and_the_focus_stays(site: Site, opened: Open) -> None:
    page = opened("/uploads?state=FAILED")
    page.wait_for_selector("#live.on")
    page.focus("#u-12-36 a:not(.plain)")
    with transaction(site.engine) as connection:
        connection.execute(
            update(uploads).where(uploads.c.run_id == 33).values(state=UploadState.FAILED)
        )
    page.wait_for_selector("#u-12-33", timeout=5000)
    assert page.evaluate("document.activeElement.textContent") == "36"


def test_everything_is_reached_by_keys(opened: Open, address: str) -> None:
    page = opened("/jobs/12?sort=run")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.textContent") == "1"
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/jobs/12/runs/1")
    page.keyboard.press("u")
    page.wait_for_url(f"{address}/jobs/12")
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#keys").is_visible()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "state"
    page.keyboard.type("j")  # a key within a field is the field's
    assert page.evaluate("document.activeElement.name") == "state"


def test_a_filter_is_chosen_and_cleared(opened: Open, address: str) -> None:
    page = opened("/jobs/12")
    page.select_option("select[name=state]", "FAILED")
    page.wait_for_url(f"{address}/jobs/12?state=FAILED&sort=&age=")
    assert page.locator("#runs tr").count() == 3
    page.click("text=Clear")
    page.wait_for_url(f"{address}/jobs/12")
    assert page.locator("#runs tr").count() == 40


def test_an_operator_signs_in_and_retries(site: Site, opened: Open, address: str) -> None:
    page = opened("/jobs/12/runs/36")
    assert page.locator("button:text('Retry')").count() == 0
    page.click("text=Sign in")
    page.fill("input[name=secret]", TOKEN)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/jobs/12/runs/36")
    page.click("button:text('Retry')")
    page.wait_for_selector("text=1 upload requested.")
    assert page.locator("h1 .state.requested").is_visible()
    assert site.enqueued == [(12, 36, "/results/job_12/RUN36", False)]
    page.click("text=Sign out")
    page.wait_for_url(f"{address}/")
    assert page.locator("text=operator").count() == 0


def test_a_page_works_without_javascript(opened: Open, address: str) -> None:
    page = opened("/jobs/12?state=FAILED", java_script_enabled=False)
    assert page.locator("#runs tr").count() == 3
    page.select_option("select[name=state]", "LANDED")
    page.click("button:text('Filter')")
    page.wait_for_url(f"{address}/jobs/12?state=LANDED&sort=&age=")
    assert page.locator("#runs tr").count() == 25


def test_a_theme_is_chosen_and_kept(opened: Open) -> None:
    page = opened("/jobs", color_scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.click("#theme")
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == dark


#: What an upload sends, and how fast: for some twenty seconds.
SIZE, BANDWIDTH = 40 << 20, 2


@pytest.mark.thorough("watches an upload of twenty seconds")
def test_the_progress_of_an_upload_moves_by_itself_and_tells_the_truth(
    site: Site, opened: Open
) -> None:
    add_job(site.engine, 12, CREATED_AT, [41])
    slow = site.services.settings.model_copy(
        update={"bandwidth_mib": BANDWIDTH, "part_size_mib": 5, "connections": 1}
    )
    directory = site.results / "RUN41"
    make(directory, {f"{part}.bin": os.urandom(SIZE // 30) for part in range(30)})
    services = Services(slow)
    worker = threading.Thread(
        target=services.upload_results, args=(UploadRequest(12, 41, str(directory)),)
    )
    page = opened("/jobs/12/runs/41")
    worker.start()
    seen: dict[float, float] = {}
    told: dict[float, float] = {}
    read = "document.querySelector('.big-bar progress')?.value ?? null"
    while worker.is_alive():
        value = page.evaluate(read)
        if value is not None and value not in seen.values():
            seen[time.time()] = value
        row = services.upload_list.find(12, 41)
        if row and row.updated_at:
            told[row.updated_at.timestamp()] = 100 * row.bytes_done / SIZE
        page.wait_for_timeout(50)
    worker.join()
    page.wait_for_selector("h1 .state.landed", timeout=5000)
    services.engine.dispose()
    assert len(seen) >= 6
    assert list(seen.values()) == sorted(seen.values())
    assert max(seen.values()) <= 99
    wrong = [value - between(told, at) for at, value in seen.items() if value < 90]
    assert sum(map(abs, wrong)) / len(wrong) <= 2, (wrong, seen, told)


def between(told: dict[float, float], at: float) -> float:
    """What the rows tell of that time, between two of them."""
    before = max((each for each in told if each <= at), default=min(told))
    after = min((each for each in told if each > at), default=max(told))
    share = (at - before) / (after - before) if after > before else 0.0
    return told[before] + share * (told[after] - told[before])


@pytest.mark.skipif("ONEPREFIX_SCREENSHOTS" not in os.environ, reason="writes docs/images")
def test_screenshots(opened: Open) -> None:
    shots = {
        "web-light": (1280, 900, "light", "/jobs/12"),
        "web-dark": (1280, 900, "dark", "/"),
        "web-phone": (390, 844, "light", "/jobs/12?state=UPLOADING"),
    }
    for name, (width, height, scheme, path) in shots.items():
        page = opened(path, viewport={"width": width, "height": height}, color_scheme=scheme)
        page.wait_for_selector("#live.on")
        page.screenshot(path=IMAGES / f"{name}.png")
