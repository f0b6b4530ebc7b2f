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

// Replace what differs, and leave what a person has focused or selected elsewhere alone.
function replaceInner(element, html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  if (element.tagName === "TBODY") replaceRows(element, template.content);
  else replaceChildren(element, template.content);
  if (focused && document.activeElement !== focused) restoreFocus(focused, element);
}

// Rows that were there are kept, and moved to where they belong.
function replaceRows(body, fresh) {
  const known = new Map([...body.rows].map((row) => [row.id, row]));
  const rows = [...fresh.children].map((row) => {
    const old = known.get(row.id);
    if (old) replaceChildren(old, row);
    return old ?? row;
  });
  const isSame = rows.length === body.rows.length && rows.every((row, at) => row === body.rows[at]);
  if (!isSame) body.replaceChildren(...rows);
}

function replaceChildren(element, fresh) {
  const [old, now] = [[...element.children], [...fresh.children]];
  const isAlike = old.length === now.length && old.length > 0
    && old.every((each, at) => each.tagName === now[at].tagName);
  if (!isAlike) {
    element.replaceChildren(...fresh.childNodes);
    return;
  }
  old.forEach((each, at) => {
    if (!each.isEqualNode(now[at])) swap(each, now[at]);
  });
}

function swap(old, now) {
  const [was, is] = [old, now].map((each) => each.querySelector("progress"));
  if (!was || !is) {
    old.replaceWith(now);
    return;
  }
  was.value = is.value; // the bar is kept, so that it glides
  for (const name of ["b", ".sizes"]) {
    const [text, told] = [old, now].map((each) => each.querySelector(name));
    if (text && told) text.textContent = told.textContent;
  }
}

function restoreFocus(focused, within) {
  const isSame = (each) => each.getAttribute("href") === focused.getAttribute("href")
    && each.textContent === focused.textContent;
  const found = focused.isConnected ? focused : [...within.querySelectorAll(focused.tagName)].find(isSame);
  found?.focus({ preventScroll: true });
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
    const isTyping = event.target.closest("input, select, textarea, dialog[open]");
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
