// SPDX-License-Identifier: Apache-2.0
// What makes pages faster to use; none of it is needed to read or to send a form.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const say = (text) => { const l = document.getElementById("live"); if (l) l.textContent = text; };

  // Copy buttons.
  document.addEventListener("click", async (e) => {
    const b = e.target.closest("[data-copy]");
    if (!b) return;
    e.preventDefault();
    try {
      await navigator.clipboard.writeText(b.dataset.copy);
      say("Copied");
      b.classList.add("copied");
      setTimeout(() => b.classList.remove("copied"), 1200);
    } catch { say("The browser does not let this page copy"); }
  });

  // Menus close when something else is clicked, and with Escape.
  document.addEventListener("click", (e) => {
    for (const m of document.querySelectorAll("details.menu[open]")) if (!m.contains(e.target)) m.open = false;
  });

  // All rows at once, and a range with shift.
  let last = null;
  document.addEventListener("click", (e) => {
    const all = e.target.closest("[data-all]");
    if (all) for (const c of all.closest("table").querySelectorAll("tbody input[type=checkbox]")) c.checked = all.checked;
    const one = e.target.closest("tbody input[type=checkbox]");
    if (!one) return;
    if (e.shiftKey && last && last !== one) {
      const list = [...document.querySelectorAll("tbody input[type=checkbox]")];
      const [a, b] = [list.indexOf(last), list.indexOf(one)].sort((x, y) => x - y);
      for (const c of list.slice(a, b + 1)) c.checked = one.checked;
    }
    last = one;
  });

  // How many are chosen; all that match are more than the page shows.
  const chosen = (form) => {
    const told = form?.querySelector("[data-chosen]");
    if (!told) return;
    const all = form.querySelector("[data-everything]"), n = form.querySelectorAll("tbody input:checked").length;
    told.textContent = all.checked ? "All that match" : n + " chosen";
  };
  document.addEventListener("click", (e) => { if (e.target.matches("input[type=checkbox]")) chosen(e.target.form); });

  // Selects that are filters send their form at once.
  document.addEventListener("change", (e) => {
    if (e.target.matches("[data-send]")) e.target.form.requestSubmit();
  });

  // What htmx put in place is told to those who do not see it.
  document.addEventListener("htmx:after:swap", () => say(document.querySelector("#shown .head p")?.textContent || ""));

  // Help with the keyboard.
  document.addEventListener("click", (e) => { if (e.target.closest("[data-keys]")) document.getElementById("keys").showModal(); });

  // The keyboard: j and k walk a list, x picks, Enter opens, / searches, g goes.
  const places = { o: "/", f: "/findings", c: "/controls", r: "/requirements", e: "/evidence", d: "/due", w: "/workloads", v: "/waivers", l: "/log" };
  let going = false;
  const rows = () => [...document.querySelectorAll("[data-rows] tbody tr")];
  const walk = (step) => {
    const list = rows();
    if (!list.length) return;
    const at = list.findIndex((r) => r.classList.contains("at"));
    const next = list[Math.min(list.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
    list[at]?.classList.remove("at");
    next.classList.add("at");
    next.scrollIntoView({ block: "nearest" });
    next.querySelector("a")?.focus({ preventScroll: true });
  };
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape") {
      for (const m of document.querySelectorAll("details.menu[open]")) { m.open = false; m.querySelector("summary").focus(); }
      if (e.target.matches("[data-search]")) e.target.blur();
      return;
    }
    if (document.querySelector("dialog[open]")) return;
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
    if (going) {
      going = false;
      const keep = document.body.dataset.keep;
      if (places[e.key]) location.assign(places[e.key] + (keep ? "?" + keep : ""));
      return;
    }
    const at = document.querySelector("tr.at");
    switch (e.key) {
      case "j": walk(1); break;
      case "k": walk(-1); break;
      case "x": at?.querySelector("input[type=checkbox]")?.click(); break;
      case "g": going = true; setTimeout(() => { going = false; }, 1500); return;
      case "/": document.querySelector("[data-search]")?.focus(); break;
      case "f": document.querySelector("main [role=search] input[type=search]")?.focus(); break;
      case "n": document.querySelector("a[rel=next]")?.click(); break;
      case "p": history.back(); break;
      case "?": document.getElementById("keys")?.showModal(); break;
      default: return;
    }
    e.preventDefault();
  });
})();
