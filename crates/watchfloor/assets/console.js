// The console's script: keyboard, palette, live notice, theme. Every page reads and works without it.
const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const store = {
  get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
  set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* private mode */ } },
};

// Theme: the system's, unless the person chose.
const theme = store.get("theme");
if (theme) document.documentElement.dataset.theme = theme;
$("#theme")?.addEventListener("click", () => {
  const dark = getComputedStyle(document.documentElement).getPropertyValue("--bg").trim() === "#0e141b";
  const next = dark ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  store.set("theme", next);
});

// Times left count down by themselves.
function span(ms) {
  const late = ms < 0, s = Math.floor(Math.abs(ms) / 1000);
  const d = Math.floor(s / 86400), h = Math.floor(s / 3600) % 24, m = Math.floor(s / 60) % 60;
  const text = d ? `${d} d ${h} h` : h ? `${h} h ${m} min` : m ? `${m} min` : `${s} s`;
  return late ? `${text} over` : `${text} left`;
}
const skew = Number(document.body.dataset.now || Date.now()) - Date.now();
const tick = () => $$("[data-due]").forEach((el) => { el.textContent = span(Number(el.dataset.due) - Date.now() - skew); });
if ($("[data-due]")) setInterval(tick, 1000);

// Palette.
const dialog = $("#palette");
const openPalette = () => { dialog.showModal(); const box = $("input", dialog); box.value = ""; filter(""); box.focus(); };
function filter(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let first = true;
  for (const link of $$("li a", dialog)) {
    const show = words.every((w) => link.textContent.toLowerCase().includes(w));
    link.parentElement.hidden = !show;
    link.setAttribute("aria-selected", String(show && first));
    if (show) first = false;
  }
}
if (dialog) {
  const box = $("input", dialog);
  box.addEventListener("input", () => filter(box.value));
  box.addEventListener("keydown", (event) => {
    const shown = $$("li:not([hidden]) a", dialog), at = shown.findIndex((a) => a.getAttribute("aria-selected") === "true");
    const go = (to) => { shown[at]?.setAttribute("aria-selected", "false"); shown[to]?.setAttribute("aria-selected", "true"); shown[to]?.scrollIntoView({ block: "nearest" }); };
    if (event.key === "ArrowDown") { go(Math.min(at + 1, shown.length - 1)); event.preventDefault(); }
    if (event.key === "ArrowUp") { go(Math.max(at - 1, 0)); event.preventDefault(); }
    if (event.key === "Enter") { event.preventDefault(); if (shown[at]) location.assign(shown[at].href); else if (box.value.trim()) location.assign(`/search?q=${encodeURIComponent(box.value)}`); }
  });
  $("#open-palette")?.addEventListener("click", openPalette);
}

// Keys. Single-key shortcuts can be turned off (WCAG 2.1.4); Ctrl K always works.
const single = () => store.get("keys") !== "off";
$("#keys")?.addEventListener("change", (event) => store.set("keys", event.target.checked ? "on" : "off"));
if ($("#keys")) $("#keys").checked = single();
const rows = () => $$("[data-row]");
function move(by) {
  const all = rows();
  if (!all.length) return;
  const at = all.findIndex((r) => r.contains(document.activeElement));
  const next = all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + by))];
  (next.matches("a,button") ? next : $("a,button", next))?.focus();
}
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && dialog) { event.preventDefault(); openPalette(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || !single()) return;
  if (event.target.closest("input, textarea, select, dialog[open]")) return;
  const goto = { n: "/", a: "/alerts", i: "/incidents", s: "/search", r: "/rules", e: "/exercises" };
  if (pending === "g" && goto[event.key]) { location.assign(goto[event.key]); pending = ""; return; }
  pending = "";
  if (event.key === "g") pending = "g";
  else if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
  else if (event.key === "/") { const box = $("[data-filter]") || $("main input[type=search]"); if (box) { event.preventDefault(); box.focus(); } }
  else if (event.key === "?") $("#help")?.showModal();
});
let pending = "";
$$("dialog [data-close]").forEach((b) => b.addEventListener("click", () => b.closest("dialog").close()));

// Live: say that there is news, insert it when asked. Parts marked data-live refresh in place
// when nothing inside them has the focus: they are figures, not rows.
const live = $("#live");
if (live && document.body.dataset.live) {
  let news = 0;
  const source = new EventSource("/live");
  source.addEventListener("journal", (event) => {
    const touched = event.data.split(",");
    if (!document.body.dataset.live.split(",").some((m) => touched.includes(m))) return;
    news += 1;
    live.hidden = false;
    $("button", live).textContent = `${news} new, show`;
    $("#status").textContent = `${news} changes since this page was loaded`;
    refresh();
  });
  // A page kept for the Back button would keep its connection, and a browser has six for each host.
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  $("button", live).addEventListener("click", () => location.reload());
}
let timer = 0;
function refresh() {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const parts = $$("[data-live-part]");
    if (!parts.length) return;
    const page = await fetch(location.href, { headers: { "x-part": "1" } });
    if (!page.ok) return;
    const fresh = new DOMParser().parseFromString(await page.text(), "text/html");
    for (const part of parts) {
      const next = fresh.getElementById(part.id);
      if (next && !part.contains(document.activeElement)) part.replaceChildren(...next.childNodes);
    }
    tick();
  }, 400);
}

// Ask once before what cannot be undone; the form says what will happen.
$$("form[data-confirm]").forEach((form) => form.addEventListener("submit", (event) => {
  if (!confirm(form.dataset.confirm)) event.preventDefault();
}));

// Rule editor: says what is wrong and what would match while the text is written. The form does the same without scripts.
const ruleForm = $("form[data-check]");
if (ruleForm) {
  const box = $("#rule-text"), gutter = $(".gutter", ruleForm), check = $("#check");
  const number = () => {
    const marks = new Map(($("[data-lines]", check)?.dataset.lines || "").split(" ").filter(Boolean).map((m) => [Number(m.slice(0, -1)), m.slice(-1)]).reverse());
    gutter.replaceChildren(...box.value.split("\n").map((_, at) => {
      const span = document.createElement("span"), mark = marks.get(at + 1);
      if (mark) span.className = mark;
      span.textContent = `${mark === "e" ? "\u25cf" : mark === "w" ? "\u25b2" : ""}${at + 1}\n`;
      return span;
    }));
    gutter.scrollTop = box.scrollTop;
  };
  let wait = 0, turn = 0;
  const ask = async () => {
    const mine = ++turn;
    const body = new URLSearchParams(new FormData(ruleForm));
    body.set("do", "check");
    const answer = await fetch("/rules/edit", { method: "POST", headers: { "x-part": "1" }, body }).catch(() => null);
    if (mine !== turn) return;
    if (!answer?.ok || answer.redirected) { $("#check-summary").textContent = "The server could not check the text; press Check to see why."; return; }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (mine !== turn) return;
    const focused = check.contains(document.activeElement);
    check.replaceChildren(...fresh.body.childNodes);
    if (focused) box.focus();
    number();
  };
  box.addEventListener("input", () => { number(); clearTimeout(wait); wait = setTimeout(ask, 500); });
  box.addEventListener("scroll", () => { gutter.scrollTop = box.scrollTop; });
  check.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-line]");
    if (!link) return;
    event.preventDefault();
    const lines = box.value.split("\n"), line = Number(link.dataset.line);
    const chars = (text, n) => [...text].slice(0, n).join("").length;
    const before = lines.slice(0, line - 1).reduce((sum, l) => sum + l.length + 1, 0), own = lines[line - 1] || "";
    const start = before + chars(own, Number(link.dataset.column) - 1);
    const end = before + chars(own, Number(link.dataset.column) - 1 + Number(link.dataset.length));
    box.focus();
    box.setSelectionRange(start, Math.max(end, start));
    box.scrollTop = Math.max(0, (line - 5) * box.scrollHeight / Math.max(lines.length, 1));
  });
  number();
}
