// What the pages of the console do beyond showing: menus, keys, rows that open, the brush of the histogram, live events.
// Everything can be read without it. It listens at the document, so it holds for whatever htmx puts in later.
"use strict";

(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector, root = document) => root.querySelector(selector);
  const logs = () => one("#logs");

  // The time zone of the browser, so that the server writes local times. The first page of all is loaded once more.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const hasZone = document.cookie.split("; ").some((pair) => pair === `trailbook-zone=${encodeURIComponent(zone)}`);
  if (zone && !hasZone) {
    document.cookie = `trailbook-zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;
    if (zone !== "UTC" && logs() && document.cookie.includes("trailbook-zone=")) location.reload();
  }

  // Menus: one is open at a time; they close with Escape and with a click elsewhere.
  const openMenus = () => all("details[data-menu][open]");
  document.addEventListener("click", (event) => {
    for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
  });
  const closeMenus = () => {
    const open = openMenus();
    for (const menu of open) {
      menu.open = false;
      one("summary", menu).focus();
    }
    return open.length > 0;
  };

  // Copying
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = one(button.dataset.copy);
    const label = button.textContent;
    try {
      await navigator.clipboard.writeText(source.value ?? source.textContent);
      button.textContent = "Copied";
    } catch {
      // Without HTTPS browsers give no clipboard: the text is selected, to be copied by key.
      getSelection().selectAllChildren(source);
      button.textContent = "Selected";
    }
    setTimeout(() => (button.textContent = label), 1500);
  });
  for (const button of all("[data-copy][hidden]")) button.hidden = false;

  // On narrow screens the links of the settings are a strip: it begins with the page that one is on.
  one(".side [aria-current=page]")?.scrollIntoView({ block: "nearest", inline: "center" });

  // A handle made of a name, as it is typed, until somebody writes their own.
  for (const handle of document.querySelectorAll("input[data-handle-of]")) {
    const name = document.querySelector(handle.dataset.handleOf);
    const made = () => {
      const words = name.value.toLowerCase().match(/[a-z0-9]+/g) || [];
      return words.join("-").slice(0, handle.maxLength).replace(/-$/, "");
    };
    let isOwn = handle.value !== "" && handle.value !== made();
    handle.addEventListener("input", () => { isOwn = handle.value !== ""; });
    name.addEventListener("input", () => { if (!isOwn) handle.value = made(); });
  }

  // Filters are edited in place.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-filter]");
    const close = event.target.closest("[data-filter-close]");
    if (event.metaKey || event.ctrlKey || event.shiftKey || !(link || (close && logs()))) return;
    event.preventDefault();
    event.stopPropagation();
    for (const menu of openMenus()) menu.open = false;
    if (link) showFilter(link.href);
    else one("#filter-place").replaceChildren();
  }, true);
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-filter-form]")) return;
    event.preventDefault();
    event.stopPropagation();
    for (const menu of openMenus()) menu.open = false;
    showFilter(`/logs/filter?${new URLSearchParams(new FormData(event.target))}`);
  }, true);
  const showFilter = async (url) => {
    await htmx.ajax("GET", url, { target: "#filter-place", swap: "innerHTML", select: "unset" });
    one("#filter-place select, #filter-place input:not([type=hidden])")?.focus();
  };

  // Rows open in place, and the URL says which is open.
  const toggleRow = async (row) => {
    const link = one("a.open", row);
    const next = row.nextElementSibling;
    const url = new URL(location.href);
    url.searchParams.delete("open");
    url.hash = "";
    if (next?.classList.contains("detail-row")) {
      next.remove();
      link.setAttribute("aria-expanded", "false");
      history.replaceState(history.state, "", url);
      return;
    }
    const answer = await fetch(`/logs/events/${row.dataset.id}?${logs().dataset.params}`, {
      headers: { "HX-Request": "true" },
    });
    if (row.nextElementSibling?.classList.contains("detail-row")) return;
    const detail = document.createElement("tr");
    detail.className = "detail-row";
    detail.insertCell().colSpan = row.cells.length;
    detail.cells[0].innerHTML = await answer.text();
    row.after(detail);
    htmx.process(detail);
    link.setAttribute("aria-expanded", "true");
    url.searchParams.set("open", row.dataset.id);
    history.replaceState(history.state, "", url);
  };
  document.addEventListener("click", (event) => {
    const row = event.target.closest("tr.row");
    if (!row || event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    const link = event.target.closest("a");
    if (link && !link.matches(".open")) return;
    if (!link && getSelection().toString()) return;
    event.preventDefault();
    setCurrent(row);
    toggleRow(row);
  });

  // Keys: a current row, and a current cell in it.
  let current = null;
  let cell = 0;
  const values = (row) => all("a.v", row);
  const setCurrent = (row, at = 0) => {
    all(".is-current").forEach((other) => other.classList.remove("is-current"));
    all(".is-cell").forEach((other) => other.classList.remove("is-cell"));
    current = row?.isConnected ? row : null;
    if (!current) return;
    current.classList.add("is-current");
    cell = Math.max(0, Math.min(at, values(current).length - 1));
    values(current)[cell]?.closest("td").classList.add("is-cell");
  };
  const move = (by) => {
    const rows = all("tr.row");
    const at = rows.indexOf(current);
    const row = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, at + by))];
    if (!row) return;
    setCurrent(row, cell);
    one("a.open", row).focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  };
  const follow = (condition) => {
    const params = logs().dataset.params;
    htmx.ajax("GET", `/logs?${params}&add=${encodeURIComponent(condition)}`, {
      target: "#logs", select: "#logs", swap: "outerHTML", push: "true", headers: { "HX-Boosted": "true" },
    });
  };
  const keys = {
    "/": () => one("#q")?.select() ?? one("#q")?.focus(),
    j: () => move(1),
    k: () => move(-1),
    h: () => current && setCurrent(current, cell - 1),
    l: () => current && setCurrent(current, cell + 1),
    f: () => current && values(current)[cell]?.click(),
    x: () => current && values(current)[cell] && follow(`-${values(current)[cell].dataset.c}`),
    e: () => one('[data-key="e"]')?.click(),
    "?": () => one("#keys")?.showModal(),
    Enter: () => current && toggleRow(current),
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      if (!closeMenus() && one("#filter-place")?.hasChildNodes()) one("#filter-place").replaceChildren();
      else if (document.activeElement?.id === "q") document.activeElement.blur();
      return;
    }
    if (event.metaKey || event.ctrlKey || event.altKey || !logs()) return;
    if (event.target.matches("input, textarea, select, [contenteditable]") || one("dialog[open]")) return;
    // What has the focus keeps its own key.
    if (event.key === "Enter" && event.target.matches("a, button, summary") && !event.target.matches("a.open")) return;
    const key = keys[event.key];
    if (!key) return;
    event.preventDefault();
    if (event.key === "Enter" && event.target.matches("a.open")) setCurrent(event.target.closest("tr"), cell);
    key();
  });

  // The histogram: hovering tells numbers, dragging narrows the time.
  let drag = null;
  const steps = (figure) => all("g.bar-step", figure);
  const stepAt = (figure, x) => {
    const box = one("svg", figure).getBoundingClientRect();
    const list = steps(figure);
    const at = Math.floor(((x - box.left) / box.width) * list.length);
    return Math.max(0, Math.min(list.length - 1, at));
  };
  document.addEventListener("pointerdown", (event) => {
    const plot = event.target.closest(".histogram-plot");
    if (!plot || event.button !== 0) return;
    const figure = plot.closest("figure");
    drag = { figure, from: stepAt(figure, event.clientX) };
  });
  document.addEventListener("pointermove", (event) => {
    const figure = drag?.figure ?? event.target.closest?.("[data-histogram]");
    if (!figure || !(drag || event.target.closest(".histogram-plot"))) {
      all(".histogram.is-hovered").forEach((other) => {
        other.classList.remove("is-hovered");
        one("[data-hover]", other).textContent = "";
      });
      return;
    }
    const at = stepAt(figure, event.clientX);
    figure.classList.add("is-hovered");
    one("[data-hover]", figure).textContent = steps(figure)[at].dataset.words;
    if (!drag) return;
    const count = steps(figure).length;
    const [first, last] = [Math.min(drag.from, at), Math.max(drag.from, at)];
    const brush = one("[data-brush]", figure);
    brush.setAttribute("x", (first / count) * 1000);
    brush.setAttribute("width", ((last - first + 1) / count) * 1000);
  });
  document.addEventListener("pointerup", (event) => {
    if (!drag) return;
    const { figure, from } = drag;
    drag = null;
    const at = stepAt(figure, event.clientX);
    const [first, last] = [Math.min(from, at), Math.max(from, at)];
    const list = steps(figure);
    const params = new URLSearchParams(logs().dataset.params);
    params.delete("range");
    params.set("from", new Date(Number(list[first].dataset.from)).toISOString());
    params.set("to", new Date(Number(list[last].dataset.to)).toISOString());
    htmx.ajax("GET", `/logs?${params}`, {
      target: "#logs", select: "#logs", swap: "outerHTML", push: "true", headers: { "HX-Boosted": "true" },
    });
  });

  // Live: new rows come in at the top while the reader looks there; else a bar says how many wait.
  let live = null;
  let waiting = [];
  const isReading = () => scrollY > 200 || one(".detail-row") || one(".row:hover") || one(".is-current") || !live?.goesOn;
  const showWaiting = () => {
    const rows = one("#rows");
    if (!rows) return location.reload();
    for (const html of waiting) rows.insertAdjacentHTML("afterbegin", html);
    htmx.process(rows);
    waiting = [];
    tell();
  };
  const tell = () => {
    const bar = one("[data-new]");
    if (!bar) return;
    bar.hidden = waiting.length === 0;
    one("button", bar).textContent = `${waiting.length} new, show`;
  };
  const setLive = (button, state) => {
    logs().dataset.watched = state;
    button.setAttribute("aria-pressed", String(state === "live"));
    one("[data-live-label]", button).textContent = { off: "Live", live: "Pause", paused: "Go on" }[state];
  };
  const startLive = () => {
    const root = logs();
    const source = new EventSource(`/logs/live?${root.dataset.params}&since=${root.dataset.since}`);
    live = { source, goesOn: true, params: root.dataset.params };
    source.addEventListener("row", (event) => {
      waiting.push(event.data);
      if (isReading()) tell();
      else showWaiting();
    });
  };
  const stopLive = () => {
    live?.source.close();
    live = null;
    waiting = [];
  };
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-show-new]")) showWaiting();
    const button = event.target.closest("[data-live]");
    if (!button) return;
    if (!live) {
      startLive();
      setLive(button, "live");
    } else {
      live.goesOn = !live.goesOn;
      setLive(button, live.goesOn ? "live" : "paused");
      if (live.goesOn && !isReading()) showWaiting();
    }
  });
  document.addEventListener("htmx:afterSettle", () => {
    setCurrent(current);
    if (live && logs()?.dataset.params !== live.params) {
      stopLive();
      startLive();
    }
    const button = one("[data-live]");
    if (button && live) setLive(button, live.goesOn ? "live" : "paused");
    tell();
  });

  // Exact ranges are typed in local time and sent in UTC.
  document.addEventListener("submit", (event) => {
    if (!event.target.matches('form[action="/logs/range"]')) return;
    event.preventDefault();
    event.stopPropagation();
    const data = new FormData(event.target);
    for (const name of ["from", "to"]) data.set(name, new Date(data.get(name)).toISOString());
    location.assign(`/logs?${new URLSearchParams(data)}`);
  }, true);

  // What is ordered of a view, over the page instead of on one of its own.
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="/logs/export?"]');
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    event.stopPropagation();
    htmx.ajax("GET", link.getAttribute("href"), { target: "body", swap: "beforeend", select: "unset" });
  }, true);

  // Dialogs that come into the page open over it, and go when they are closed.
  document.addEventListener("htmx:load", (event) => {
    const dialog = event.target;
    if (!dialog.matches?.("dialog[data-modal]") || dialog.open) return;
    dialog.showModal();
    dialog.addEventListener("close", () => dialog.remove());
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
  });

  // What looks again by itself does not while the reader is in one of its menus.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const calm = event.detail.elt;
    if (calm.matches("[data-calm]") && one("details[open]", calm)) event.preventDefault();
  });

  // The fold of exports: open where the URL names it, and with the number of what it lists.
  document.addEventListener("htmx:load", (event) => {
    const part = event.target;
    if (part.id === "exports" && location.hash === "#exports") part.open = true;
    const count = one("#exports-count");
    if (part.id === "exports-list" && count) count.textContent = part.dataset.count;
  });
})();
