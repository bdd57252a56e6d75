"use strict";
document.documentElement.classList.add("scripted");
for (const table of document.querySelectorAll("table.sortable")) {
  table.tHead.addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (!head) return;
    const column = head.cellIndex, body = table.tBodies[0];
    const up = head.getAttribute("aria-sort") === "descending";
    const key = (row) => {
      const cell = row.cells[column], text = cell.dataset.v ?? cell.textContent.replace(/[,\s]/g, "");
      return text !== "" && isFinite(text) ? Number(text) : null;
    };
    const rows = [...body.rows].sort((a, b) => {
      const x = key(a), y = key(b);
      const order = x === null || y === null
        ? a.cells[column].textContent.localeCompare(b.cells[column].textContent) : x - y;
      return up ? order : -order;
    });
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    body.append(...rows);
  });
}
let lit = [];
document.addEventListener("mouseover", (event) => {
  const node = event.target.closest?.("[data-node]")?.dataset.node;
  for (const element of lit) element.classList.remove("lit");
  lit = node === undefined ? [] : [...document.querySelectorAll("[data-node]")].filter((e) => e.dataset.node === node);
  for (const element of lit) element.classList.add("lit");
});
document.addEventListener("click", (event) => {
  const from = event.target.closest?.("[data-node]");
  if (!from) return;
  const inGraph = from.closest("svg.graph") !== null;
  const to = [...document.querySelectorAll(inGraph ? "#layers [data-node]" : "svg.graph [data-node]")]
    .find((e) => e.dataset.node === from.dataset.node);
  to?.scrollIntoView({ block: "nearest" });
});
