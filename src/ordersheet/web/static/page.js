// Makes the page quicker; without it every form works by itself.
"use strict";
document.documentElement.classList.add("js");

const news = document.getElementById("news");
const dialog = document.getElementById("dialog");
let editing = null;
let busy = 0;

async function post(form, submitter) {
  const data = new URLSearchParams(new FormData(form, submitter && submitter.form === form ? submitter : null));
  const answer = await fetch(form.action, {
    method: "POST", body: data, headers: { "X-Requested-With": "script" }, credentials: "same-origin",
  });
  if (!answer.ok) sorry(await answer.text());
  return answer.ok;
}

function sorry(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  const told = page.querySelector(".notice, p");
  const box = document.createElement("p");
  box.className = "notice bad";
  box.setAttribute("role", "alert");
  box.textContent = told ? told.textContent : "That did not work. Reload the page.";
  document.querySelectorAll(".notice.from-script").forEach((one) => one.remove());
  box.classList.add("from-script");
  (news || document.querySelector("h1")).after(box);
  box.scrollIntoView({ block: "center" });
}

// ---- parts of the file's page, kept as they are on the server ----

async function refresh(names) {
  if (!news) return;
  const own = ++busy;
  for (const name of names) {
    const section = document.getElementById(name);
    const inside = document.activeElement && section.contains(document.activeElement) ? document.activeElement : null;
    if (editing && name === "rows") continue;
    if (inside && inside.matches("input:not([type=checkbox]), textarea")) continue;
    let answer, html;
    try {
      answer = await fetch(news.dataset.part + name + location.search, { credentials: "same-origin" });
      html = await answer.text();
    } catch {
      // Nobody answered; what was to be shown is asked for once more, unless newer news came meanwhile.
      setTimeout(() => { if (own === busy) refresh(names); }, 1000);
      return;
    }
    if (!answer.ok || own !== busy) return;
    const at = inside ? marker(inside) : null;
    const scroll = section.querySelector(".scroll");
    const left = scroll ? scroll.scrollLeft : 0;
    section.innerHTML = html;
    const now = section.querySelector(".scroll");
    if (now) now.scrollLeft = left;
    if (at) { const found = section.querySelector(at); if (found) found.focus({ preventScroll: true }); }
    first(section);
  }
}

function marker(element) {
  if (element.matches("td[data-column]")) {
    return `tr[data-row="${element.parentElement.dataset.row}"] td[data-column="${element.dataset.column}"]`;
  }
  if (element.name) return `[name="${CSS.escape(element.name)}"]` + (element.value && element.type === "checkbox" ? `[value="${CSS.escape(element.value)}"]` : "");
  return null;
}

function first(section) {
  const cell = section.querySelector(".sheet td[data-column]");
  if (cell) cell.tabIndex = 0;
}

if (news) {
  let version = news.dataset.version;
  const source = new EventSource(news.dataset.events);
  source.addEventListener("message", (event) => {
    const told = JSON.parse(event.data);
    const said = { reading: `Reading the sheet … ${told.read ? told.read.toLocaleString("en") + " rows" : ""}`, checking: "Counting what would be sent …" }[told.stage] || "";
    if (news.textContent.trim() !== said.trim()) news.textContent = said;
    if (String(told.version) !== version) { version = String(told.version); refresh(["changes", "rows", "columns"]); }
  });
  source.addEventListener("end", () => { source.close(); location.assign("/"); });
  first(document);
}

// ---- the live page of a run ----

const live = document.querySelector("[data-live]");
if (live) {
  const source = new EventSource(live.dataset.events);
  source.addEventListener("message", (event) => {
    const told = JSON.parse(event.data);
    for (const element of live.querySelectorAll("[data-is]")) {
      const value = String(told[element.dataset.is]);
      if (element.matches("progress, input")) { element.value = value; } else if (element.textContent !== value) element.textContent = value;
      if ("hideEmpty" in element.dataset) element.hidden = !value;
    }
    const stop = live.querySelector("[data-stop]");
    const once = stop.dataset.stop === "once";
    stop.textContent = told.stopping && !once ? "Stop now" : "Stop";
    stop.disabled = told.stopping > (once ? 0 : 1);
  });
  source.addEventListener("end", () => { source.close(); location.reload(); });
}

// ---- forms ----

document.addEventListener("change", (event) => {
  const element = event.target;
  const drop = element.closest("[data-drop]");
  if (drop && element.type === "file" && element.files.length) { send(drop); return; }
  if (element.matches("[data-key]") ) {
    const key = element.closest("li").querySelector(".key");
    key.classList.toggle("unused", element.value !== "attribute");
    if (element.value === "attribute" && !key.querySelector("input").value) { key.querySelector("input").focus(); return; }
  }
  if (element.matches("[data-submit]")) { element.form.requestSubmit(); return; }
  if (element.closest("[data-ticks]") && element.type === "checkbox") element.form.requestSubmit();
});

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const sure = event.submitter && event.submitter.dataset.sure;
  if (sure && !window.confirm(sure)) { event.preventDefault(); return; }
  if (form.matches("[data-parts], [data-ticks]")) {
    event.preventDefault();
    if (await post(form, event.submitter)) refresh(["changes", "rows", "columns"]);
    return;
  }
  if (form.matches("[data-dialog]") && dialog) { event.preventDefault(); ask(form.action); return; }
  if (event.submitter && "once" in event.submitter.dataset) {
    setTimeout(() => { event.submitter.disabled = true; }, 0);
    setTimeout(() => { event.submitter.disabled = false; }, 8000);
  }
});

async function ask(address) {
  const answer = await fetch(address + (address.includes("?") ? "&" : "?") + "bare=1", { credentials: "same-origin" });
  const html = await answer.text();
  if (!answer.ok) { sorry(html); return; }
  dialog.innerHTML = html;
  if (!dialog.open) dialog.showModal();
  if (dialog.querySelector("[data-again]")) setTimeout(() => { if (dialog.open) ask(address); }, 500);
}

document.addEventListener("click", (event) => {
  const element = event.target.closest("a, button");
  if (!element) return;
  if (element.matches("[data-close]") && dialog && dialog.open) { event.preventDefault(); dialog.close(); }
  if (element.matches("[data-dialog-link]") && dialog) { event.preventDefault(); ask(element.href); }
  if (element.matches("[data-back]") && history.length > 1) { event.preventDefault(); history.back(); }
});

// ---- dropping a file ----

function send(form) {
  form.querySelector("[data-sending]").textContent = "Bringing the sheet in …";
  form.requestSubmit();
}

const drop = document.querySelector("[data-drop]");
if (drop) {
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    const files = event.dataTransfer.files;
    if (!files.length) return;
    drop.querySelector("input[type=file]").files = files;
    send(drop);
  });
}

// ---- mending a cell ----

document.addEventListener("dblclick", (event) => {
  const cell = event.target.closest(".sheet td[data-column]");
  if (cell) edit(cell);
});

document.addEventListener("keydown", (event) => {
  const cell = event.target.closest && event.target.closest(".sheet td[data-column]");
  if (!cell || editing) return;
  const row = cell.parentElement;
  const place = [...row.children].indexOf(cell);
  const beside = (line) => { while (line && !line.dataset.row) line = event.key === "ArrowUp" ? line.previousElementSibling : line.nextElementSibling; return line && line.children[place]; };
  const to = {
    ArrowLeft: () => cell.previousElementSibling, ArrowRight: () => cell.nextElementSibling,
    ArrowUp: () => beside(row.previousElementSibling), ArrowDown: () => beside(row.nextElementSibling),
  }[event.key];
  if (event.key === "F2" || event.key === "Enter") { event.preventDefault(); edit(cell); }
  else if (to) {
    const next = to();
    if (next && next.matches("td[data-column]")) { event.preventDefault(); cell.tabIndex = -1; next.tabIndex = 0; next.focus(); }
  }
});

async function edit(cell) {
  if (editing) return;
  editing = cell;
  const table = cell.closest("table");
  const row = cell.parentElement.dataset.row;
  const before = cell.innerHTML;
  const shown = cell.querySelector("span:not(.why)");
  let text = shown ? shown.textContent : "";
  if ("cut" in cell.dataset || text.endsWith("…")) {
    const answer = await fetch(`/files/${table.dataset.file}/rows/${row}?column=${cell.dataset.column}`, { credentials: "same-origin" });
    if (answer.ok) text = (await answer.json()).text;
  }
  const field = document.createElement("textarea");
  field.value = text;
  field.rows = text.includes("\n") || text.length > 60 ? 4 : 1;
  field.dir = "auto";
  field.setAttribute("aria-label", `Cell in row ${row}`);
  cell.replaceChildren(field);
  field.focus();
  field.select();
  const leave = (html) => { editing = null; cell.innerHTML = html; cell.focus(); };
  const save = async () => {
    if (editing !== cell) return;
    const data = new URLSearchParams({ row, page: table.dataset.page, [`cell-${cell.dataset.column}`]: field.value });
    editing = "saving";
    const answer = await fetch(`/files/${table.dataset.file}/cells`, { method: "POST", body: data, headers: { "X-Requested-With": "script" }, credentials: "same-origin" });
    const kept = document.createElement("span");
    kept.textContent = field.value;
    kept.dir = "auto";
    leave(answer.ok ? kept.outerHTML : before);
    if (!answer.ok) sorry(await answer.text()); else refresh(["changes", "rows", "columns"]);
  };
  field.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) { event.preventDefault(); save(); }
    if (event.key === "Escape") { event.preventDefault(); leave(before); refresh(["rows"]); }
  });
  field.addEventListener("blur", () => { if (editing === cell) save(); });
}
