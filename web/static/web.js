// Live updates, keys, the theme and copying. Every page works without this file.
"use strict";

const theme = localStorage.getItem("theme");
if (theme) document.documentElement.dataset.theme = theme;

document.addEventListener("DOMContentLoaded", () => {
  followLive();
  offerTheme();
  offerCopies();
  offerKeys();
  for (const select of document.querySelectorAll("form.filters select:not([multiple])")) {
    select.addEventListener("change", () => select.form.requestSubmit());
  }
});

// Replace what differs, and leave what a person has selected or focused alone.
function replaceInner(element, html) {
  const fresh = document.createElement(element.tagName === "TR" || element.tagName === "TBODY" ? "template" : "div");
  fresh.innerHTML = html;
  const parts = fresh.content ?? fresh;
  const [old, now] = [[...element.children], [...parts.children]];
  if (old.length === now.length && old.length > 0 && old.every((each, i) => each.tagName === now[i].tagName)) {
    old.forEach((each, i) => { if (!each.isEqualNode(now[i])) swap(each, now[i]); });
  } else if (element.innerHTML !== html) {
    swapInner(element, parts);
  }
}

function swap(old, now) {
  const bars = [old.querySelector("progress"), now.querySelector("progress")];
  if (bars[0] && bars[1]) { // keep the bar, so that it glides
    bars[0].value = bars[1].value;
    const alike = old.cloneNode(true);
    alike.querySelector("progress").replaceWith(bars[1].cloneNode(true));
    for (const name of ["b", ".sizes"]) {
      const [was, is] = [old.querySelector(name), now.querySelector(name)];
      if (was && is) was.textContent = is.textContent;
    }
    return;
  }
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  old.replaceWith(now);
  restoreFocus(focused, now);
}

function swapInner(element, parts) {
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  element.replaceChildren(...parts.childNodes);
  restoreFocus(focused, element);
}

function restoreFocus(focused, within) {
  if (!focused) return;
  const href = focused.getAttribute("href");
  const same = [...within.querySelectorAll(focused.tagName)].find(
    (each) => each.getAttribute("href") === href && each.textContent === focused.textContent);
  same?.focus({ preventScroll: true });
}

function followLive() {
  const address = document.body.dataset.live;
  if (!address) return;
  const shown = document.getElementById("live");
  const say = (kind, text) => {
    if (shown.textContent !== text) { shown.textContent = text; shown.className = `live ${kind}`; }
  };
  let source;
  const open = () => {
    source = new EventSource(address);
    source.addEventListener("change", (event) => {
      say("on", "live");
      for (const [id, html] of Object.entries(JSON.parse(event.data))) {
        const element = document.getElementById(id);
        if (element) replaceInner(element, html);
      }
    });
    source.addEventListener("trouble", (event) => say("off", JSON.parse(event.data)));
    source.addEventListener("error", () => {
      say("off", "reconnecting…");
      // a refused stream does not come back by itself: there were too many, or the session has ended
      if (source.readyState === EventSource.CLOSED) setTimeout(open, 10000);
    });
  };
  open();
  // a page that nobody sees needs no stream
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { source.close(); say("off", "paused"); } else if (source.readyState === EventSource.CLOSED) open();
  });
  window.addEventListener("pagehide", () => source.close());
}

function offerTheme() {
  const button = document.getElementById("theme");
  const isDark = () => {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  };
  const name = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    localStorage.setItem("theme", document.documentElement.dataset.theme);
    name();
  });
  name();
  button.hidden = false;
}

function offerCopies() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) continue; // only on the loopback, or by TLS
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }
}

function offerKeys() {
  document.querySelector(".keys").hidden = false;
  const dialog = document.getElementById("keys");
  const follow = (selector) => document.querySelector(selector)?.click();
  const keys = {
    j: () => moveRow(1),
    k: () => moveRow(-1),
    n: () => follow("a[rel=next]"),
    p: () => follow("a[rel=prev]"),
    u: () => follow("a[rel=up]"),
    "/": () => document.querySelector(".filters select, .filters input")?.focus(),
    "?": () => dialog.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, select, textarea, dialog");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });
}

function moveRow(step) {
  const links = [...document.querySelectorAll("tbody tr")]
    .map((row) => row.querySelector("a:not(.plain)")).filter((link) => link?.offsetParent);
  const at = links.findIndex((link) => link.closest("tr").contains(document.activeElement));
  const next = links[at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step];
  next?.focus();
}
