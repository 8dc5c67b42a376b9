"use strict";
// Tables that sort and filter, pictures that open, a list of contents that follows. The page reads as well without.
document.documentElement.classList.add("js");

for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0], rows = [...body.rows];
  if (rows.length < 2) continue;
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
  };
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    if (!button.textContent.trim()) button.setAttribute("aria-label", "Sort by the first column");
    head.append(button);
    button.addEventListener("click", () => {
      const next = { ascending: "descending", descending: "none" }[head.getAttribute("aria-sort")] || "ascending";
      for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", next);
      const sorted = next === "none" ? rows : [...rows].sort((one, two) => {
        const a = valueOf(one, column), b = valueOf(two, column);
        if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1; // what has no number comes last, both ways
        const order = typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
        return next === "ascending" ? order : -order;
      });
      body.append(...sorted);
    });
  });
  if (rows.length > 15) {
    const label = document.createElement("label"), field = document.createElement("input"), count = document.createElement("span");
    label.className = "filter";
    field.type = "search";
    field.autocomplete = "off";
    count.setAttribute("aria-live", "polite");
    label.append("Filter", field, count);
    table.parentNode.before(label);
    field.addEventListener("input", () => {
      const wanted = field.value.toLowerCase();
      for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
      count.textContent = wanted ? `${rows.filter(row => !row.hidden).length} of ${rows.length}` : "";
    });
  }
}

const zoom = document.getElementById("zoom");
for (const image of document.querySelectorAll("main img")) {
  image.tabIndex = 0;
  image.setAttribute("role", "button");
  const open = () => { zoom.replaceChildren(Object.assign(new Image(), { src: image.src, alt: image.alt })); zoom.showModal(); };
  image.addEventListener("click", open);
  image.addEventListener("keydown", event => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(); } });
}
zoom.addEventListener("click", () => zoom.close());

const links = new Map([...document.querySelectorAll("nav a")].map(link => [link.hash.slice(1), link]));
const contents = document.querySelector("nav details");
if (matchMedia("(max-width: 60rem)").matches) contents.open = false;
if ("IntersectionObserver" in window) {
  const watcher = new IntersectionObserver(entries => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(entry.target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-10% 0px -75% 0px" });
  for (const section of document.querySelectorAll("main > section")) watcher.observe(section);
}

let folded = []; // on paper, nothing is folded away
addEventListener("beforeprint", () => { folded = [...document.querySelectorAll("details:not([open])")]; for (const one of folded) one.open = true; });
addEventListener("afterprint", () => { for (const one of folded) one.open = false; });
