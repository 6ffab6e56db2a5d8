"use strict";
// Keeps the page as the board is: rows that changed come as server-sent events.
const page = document.documentElement;
const find = document.getElementById("find");
const stuck = document.getElementById("stuck");
const state = document.getElementById("state");

function row(html) {
  const holder = document.createElement("template");
  holder.innerHTML = "<table><tbody>" + html + "</tbody></table>";
  return holder.content.querySelector("tr");
}

function choose() {
  const text = find.value.trim().toLowerCase();
  for (const tr of document.querySelectorAll("tbody.rows tr")) {
    const found = text === "" || tr.textContent.toLowerCase().includes(text);
    tr.hidden = !found || (stuck.checked && !tr.classList.contains("stuck"));
  }
}

function write(element, text) {
  // A reader's voice tells of a change only where there is one.
  if (element.textContent !== text) { element.textContent = text; }
}

function change(table, news) {
  const body = table.querySelector("tbody.rows");
  const rows = new Map();
  for (const tr of body.rows) { rows.set(tr.dataset.student, tr); }
  for (const [student, html] of Object.entries(news.rows)) {
    const fresh = row(html);
    fresh.classList.add("new");
    const old = rows.get(student);
    if (old) { old.replaceWith(fresh); } else { body.append(fresh); }
    rows.set(student, fresh);
  }
  if (news.order) {
    const kept = new Set(news.order);
    for (const [student, tr] of rows) { if (!kept.has(student)) { tr.remove(); } }
    let at = body.firstElementChild;
    for (const student of news.order) {
      const tr = rows.get(student);
      if (tr === at) { at = at.nextElementSibling; } else { body.insertBefore(tr, at); }
    }
  }
  table.querySelector("tbody.counts").innerHTML = news.counts;
}

function ages() {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const seconds = Math.max(0, (Date.now() - Date.parse(time.dateTime)) / 1000);
    const [n, unit] = seconds < 60 ? [0, "minute"] : seconds < 7200 ? [seconds / 60, "minute"]
      : seconds < 172800 ? [seconds / 3600, "hour"] : [seconds / 86400, "day"];
    const form = new Intl.NumberFormat(page.lang, {style: "unit", unit, unitDisplay: "short"});
    const text = n === 0 ? "< " + form.format(1) : form.format(Math.floor(n));
    if (time.textContent !== text) { time.textContent = text; }
  }
}

const events = new EventSource("events?from=" + page.dataset.version);
events.addEventListener("board", (event) => {
  const news = JSON.parse(event.data);
  write(document.getElementById("summary"), news.summary);
  for (const table of news.tables) {
    write(document.getElementById("about-" + table.id), table.about);
    change(document.getElementById("lab-" + table.id), table);
  }
  choose();
  ages();
});
events.addEventListener("open", () => write(state, state.dataset.live));
events.addEventListener("error", () => write(state, state.dataset.lost));
find.addEventListener("input", choose);
stuck.addEventListener("change", choose);
setInterval(ages, 10000);
ages();
