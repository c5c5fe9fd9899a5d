"use strict";
// Tables that sort and filter, a light and a dark theme, a latent space to explore.

const byId = (id) => document.getElementById(id);

/** An element with its properties and children. */
function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// ---- tables -------------------------------------------------------------------------------------

/** Empty cells last, then numbers ("0.9 ± 0.1" and "2 of 3" by their first) before words. */
function compare(a, b, sign) {
  if (a === "–" || b === "–") return (a === "–") - (b === "–");
  const [x, y] = [a, b].map((text) => parseFloat(text.replace("−", "-")));
  if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y) || sign * a.localeCompare(b);
  return sign * (x - y || a.localeCompare(b));
}

/** A click on a column's heading: upwards, downwards, as it was. */
function sortable(table) {
  const body = table.tBodies[0];
  const original = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const next = { none: "ascending", ascending: "descending", descending: "none" };
  heads.forEach((head, column) => {
    const parts = head.textContent.split("_");
    const words = parts.flatMap((part) => ["_", element("wbr"), part]);
    head.firstElementChild.replaceChildren(...words.slice(2)); // a long name breaks behind its _
    head.firstElementChild.addEventListener("click", () => {
      const order = next[head.getAttribute("aria-sort") ?? "none"];
      for (const other of heads) other.removeAttribute("aria-sort");
      const rows = [...original];
      if (order !== "none") {
        head.setAttribute("aria-sort", order);
        const text = (row) => row.cells[column].textContent;
        const sign = order === "ascending" ? 1 : -1;
        rows.sort((a, b) => compare(text(a), text(b), sign));
      }
      body.append(...rows);
    });
  });
}

/** Rows that hold every word that was typed. */
function filterable(section) {
  const [input, output] = [section.querySelector("input"), section.querySelector("output")];
  const rows = [...section.querySelector("tbody").rows];
  const texts = rows.map((row) =>
    [...row.cells]
      .map((cell) => cell.textContent)
      .join(" ")
      .toLowerCase(),
  );
  const filter = () => {
    const words = input.value.toLowerCase().split(/\s+/);
    rows.forEach((row, i) => (row.hidden = !words.every((word) => texts[i].includes(word))));
    output.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows`;
  };
  input.addEventListener("input", filter);
  section.querySelector(".tools").hidden = false;
  filter();
}

for (const table of document.querySelectorAll(".frame table")) {
  sortable(table);
  filterable(table.closest("section"));
}

// ---- pictures -----------------------------------------------------------------------------------

/** A click shows a picture as large as the window, or as it was drawn; another one closes it. */
function enlargeable(picture) {
  const button = element("button", { type: "button", className: "enlarge", title: "Enlarge" });
  picture.replaceWith(button);
  button.append(picture);
  button.addEventListener("click", () => {
    const { src, alt } = picture;
    const close = element("button", { type: "button", autofocus: true }, "Close");
    const dialog = element("dialog", { ariaLabel: alt }, close, element("img", { src, alt }));
    dialog.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  });
}

for (const picture of document.querySelectorAll(".picture img")) enlargeable(picture);

// ---- theme --------------------------------------------------------------------------------------

const root = document.documentElement;
const systemDark = matchMedia("(prefers-color-scheme: dark)");

const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemDark.matches);

function themed() {
  byId("theme").textContent = isDark() ? "Light theme" : "Dark theme";
  dispatchEvent(new Event("themed"));
}

byId("theme").hidden = false;
byId("theme").addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  themed();
});
systemDark.addEventListener("change", themed);
themed();

// Paper is white, whatever the screen is; and what is folded away shows.
addEventListener("beforeprint", () => {
  root.dataset.before = root.dataset.theme ?? "";
  root.dataset.theme = "light";
  for (const details of document.querySelectorAll("details")) details.open = true;
  themed();
});
addEventListener("afterprint", () => {
  if (root.dataset.before) root.dataset.theme = root.dataset.before;
  else delete root.dataset.theme;
  themed();
});

/** A colour of page.css as it is in this theme. */
function colour(name) {
  const probe = root.appendChild(element("i", { style: `color: var(--${name})` }));
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

// ---- latent space -------------------------------------------------------------------------------

const MANY = 3000; // points, from which on they are drawn smaller; on a phone they always are
const COLOURS = 10; // --class-0 … of page.css
const MOST_CLASSES = 40; // that have a colour and a button; of more, those with most images
// What plotly calls a shape, and the same on a square from -10 to 10.
const SHAPES = [
  ["circle", "M-8,0a8,8 0 1,0 16,0a8,8 0 1,0 -16,0Z"],
  ["square", "M-7,-7H7V7H-7Z"],
  ["triangle-up", "M0,-9L9,7H-9Z"],
  ["diamond", "M0,-10L10,0L0,10L-10,0Z"],
  ["cross", "M-3,-9H3V-3H9V3H3V9H-3V3H-9V-3H-3Z"],
  ["triangle-down", "M0,9L9,-7H-9Z"],
  ["star", "M0,-10L2.4,-3.2L9.5,-3.1L3.8,1.2L5.9,8.1L0,4L-5.9,8.1L-3.8,1.2L-9.5,-3.1L-2.4,-3.2Z"],
  ["x", "M-9,-5L-5,-9L0,-4L5,-9L9,-5L4,0L9,5L5,9L0,4L-5,9L-9,5L-4,0Z"],
  ["hourglass", "M-8,-9H8L-8,9H8Z"],
  ["pentagon", "M0,-9L9,-2.5L5.5,8H-5.5L-9,-2.5Z"],
];
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

// The i-th class that is coloured has one of ten colours and one of ten shapes; the eleventh has the
// first colour again with the second shape, and so on: no two of a hundred look the same.
const colourOf = (i) => i % COLOURS;
const shapeOf = (i) => SHAPES[(i + Math.floor(i / COLOURS)) % SHAPES.length];

const ARRAYS = {
  Float32Array, Uint8Array, Uint16Array, Uint32Array, Int8Array, Int16Array, Int32Array,
}; // prettier-ignore

function decode({ type, base64 }) {
  return new ARRAYS[type](Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer);
}

/** The classes with most images, in order; −1, no label, is none of them. */
function mostFrequent(classes, scatters) {
  const counts = classes.map(() => 0);
  for (const { labels } of scatters) for (const c of decode(labels)) if (c >= 0) counts[c]++;
  const order = [...classes.keys()].sort((a, b) => counts[b] - counts[a] || a - b);
  return order.slice(0, MOST_CLASSES).sort((a, b) => a - b);
}

function explore({ classes, scatters, opened, names, across, size }) {
  byId("space").append(byId("explorer").content.cloneNode(true));
  const plot = byId("plot");
  const only = new Set(); // classes; none: all are shown
  let now; // the arrays of the setting that is shown
  let chosen = null; // a row of them
  let around = []; // its neighbours, once asked for

  const coloured = mostFrequent(classes, scatters);
  const ranks = new Map(coloured.map((c, i) => [c, i]));
  const label = (c) => (c < 0 ? "no label" : classes[c]);
  const className = (c) => (/^\d+$/.test(label(c)) ? `class ${label(c)}` : label(c));
  const hasLabel = (row) => now.labels[row] >= 0;
  const kind = (row) =>
    !now.training[row] ? "test image" : `${hasLabel(row) ? "labelled " : ""}training image`;
  const file = (row) => names[now.image[row]] ?? "";
  const name = (row) => `${className(now.labels[row])}, ${kind(row)}`;
  const same = (row, other) => hasLabel(row) && now.labels[row] === now.labels[other];
  const differ = (row, other) => hasLabel(row) && hasLabel(other) && !same(row, other);
  const shown = (row) => only.size === 0 || only.has(now.labels[row]);

  function load(i) {
    const { title, space, k, unlabelled } = scatters[i];
    now = { title, space, k };
    for (const part of ["position", "labels", "training", "image", "neighbours"]) {
      now[part] = decode(scatters[i][part]);
    }
    now.count = now.labels.length;
    now.x = now.position.filter((_, j) => j % 2 === 0);
    now.y = now.position.filter((_, j) => j % 2 === 1);
    plot.ariaLabel = `${title}: ${now.count} images in the ${space}`;
    byId("axes").textContent =
      `${title}. Axes: ${space}. Labelled training images have a strong edge, test images none.` +
      (unlabelled ? ` Rings are ${unlabelled} training images without a label.` : "");
    choose(null);
    draw();
  }

  // ---- the plot ----

  function trace(rows, colours, labelled) {
    const each = (f) => rows.map(f);
    const larger = now.count < MANY && plot.clientWidth > 500 ? 2 : 0;
    const rank = (row) => ranks.get(now.labels[row]);
    const look = (row) => {
      if (!hasLabel(row)) return [colour("quiet"), "circle-open"];
      if (rank(row) === undefined) return [colour("faint"), "circle"];
      return [colours[colourOf(rank(row))], shapeOf(rank(row))[0]];
    };
    const looks = each(look);
    return {
      type: "scatter", // as SVG: WebGL drew 10,000 points no sooner, and needs eval
      mode: "markers",
      x: each((row) => now.x[row]),
      y: each((row) => now.y[row]),
      customdata: rows,
      hoverinfo: "none", // there is a tip of our own, with the image
      marker: {
        color: looks.map(([fill]) => fill),
        symbol: looks.map(([, symbol]) => symbol),
        opacity: each((row) => (shown(row) ? (labelled ? 1 : 0.75) : 0.06)),
        size: each((row) => (labelled && rank(row) !== undefined ? 7 : 5) + larger),
        line: labelled ? { width: 1.5, color: colour("ink") } : { width: 0 },
      },
    };
  }

  function draw() {
    const colours = Array.from({ length: COLOURS }, (_, i) => colour(`class-${i}`));
    const axis = {
      gridcolor: colour("grid"),
      zeroline: false,
      tickfont: { color: colour("quiet"), size: 11 },
      nticks: 7,
    };
    const layout = {
      showlegend: false,
      hovermode: "closest",
      // A finger that moves over the plot scrolls the page.
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      margin: { l: 40, r: 8, t: 32, b: 28 }, // the top for plotly's own buttons
      paper_bgcolor: "transparent",
      plot_bgcolor: "transparent",
      font: { family: getComputedStyle(plot).fontFamily, color: colour("ink") },
      modebar: { bgcolor: "transparent", color: colour("quiet"), activecolor: colour("ink") },
      xaxis: { ...axis },
      yaxis: { ...axis, scaleanchor: "x" }, // what looks near is near
      uirevision: now.title, // another setting starts unzoomed
      shapes: marks(),
    };
    const config = {
      responsive: true,
      displaylogo: false,
      showSendToCloud: false, // what is here stays here
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
    };
    const rows = [...now.labels.keys()];
    const layers = [
      rows.filter((row) => !hasLabel(row)), // below all others
      rows.filter((row) => !now.training[row]),
      rows.filter((row) => now.training[row] && hasLabel(row)),
    ];
    const isColoured = (row) => ranks.has(now.labels[row]); // drawn later, above the grey ones
    for (const layer of layers) layer.sort((a, b) => isColoured(a) - isColoured(b));
    const traces = layers.map((layer, i) => trace(layer, colours, i === 2));
    Plotly.react(plot, traces.filter((_, i) => layers[i].length), layout, config);
  }

  /** Rings around the chosen point and its neighbours, and lines between them. */
  function marks() {
    if (chosen === null) return [];
    const ring = (row, radius, line) => ({
      type: "circle",
      xsizemode: "pixel",
      ysizemode: "pixel",
      xanchor: now.x[row],
      yanchor: now.y[row],
      x0: -radius,
      x1: radius,
      y0: -radius,
      y1: radius,
      line,
    });
    const lines = around.map((row) => ({
      type: "line",
      x0: now.x[chosen],
      y0: now.y[chosen],
      x1: now.x[row],
      y1: now.y[row],
      line: { color: colour("ink"), width: 1 },
    }));
    const right = { color: colour("ink"), width: 1.5 };
    const wrong = { color: colour("wrong"), width: 2.5 };
    const rings = around.map((row) => ring(row, 7, differ(row, chosen) ? wrong : right));
    return [...lines, ...rings, ring(chosen, 10, { color: colour("accent"), width: 3 })];
  }

  // ---- images ----

  function draws(canvas, row) {
    if (!across) return;
    const [height, width] = size;
    const i = now.image[row];
    const [left, top] = [(i % across) * width, Math.floor(i / across) * height];
    Object.assign(canvas, { width, height });
    canvas.getContext("2d").drawImage(byId("sheet"), left, top, width, height, 0, 0, width, height);
  }

  function picture(row) {
    if (!across) return "";
    const canvas = element("canvas", { role: "img", ariaLabel: name(row) });
    draws(canvas, row);
    return canvas;
  }

  // ---- the chosen image ----

  function choose(row, withNeighbours = false) {
    chosen = row;
    const start = row * now.k;
    around = withNeighbours ? [...now.neighbours.subarray(start, start + now.k)] : [];
    const panel = byId("chosen");
    if (row === null) {
      panel.replaceChildren(element("p", { className: "none" }, "No image is chosen."));
      byId("said").textContent = "";
      return;
    }
    const sentence = said(row);
    const ask = element("button", { type: "button" }, `Show ${now.k} nearest neighbours`);
    ask.addEventListener("click", () => turn(row, true));
    panel.replaceChildren(
      element("div", { className: "one" }, picture(row), element("p", {}, caption(row))),
      around.length ? element("h3", {}, sentence) : now.k ? ask : "",
      element("ol", {}, ...around.map((other) => neighbour(other, row))),
    );
    const classesAround = around.map((other) => className(now.labels[other])).join(", ");
    byId("said").textContent = name(row) + (around.length ? `; ${sentence}: ${classesAround}` : "");
  }

  /** What the classes of the neighbours say. */
  function said(row) {
    const count = (condition) => around.filter(condition).length;
    if (!hasLabel(row)) {
      const found = [...new Set(around.map((other) => now.labels[other]))];
      const counts = found.map((c) => [count((other) => now.labels[other] === c), className(c)]);
      counts.sort(([a], [b]) => b - a);
      return `${now.k} nearest neighbours: ${counts.map((pair) => pair.join(" × ")).join(", ")}`;
    }
    const right = count((other) => same(other, row));
    const open = count((other) => !hasLabel(other));
    const rest = open ? `, ${open} ${open === 1 ? "has" : "have"} no label` : "";
    return `${right} of ${now.k} nearest neighbours are of the same class${rest}`;
  }

  function caption(row) {
    const words = className(now.labels[row]);
    const small = file(row) ? [element("small", {}, file(row))] : [];
    return element("span", {}, element("strong", {}, words), ` ${kind(row)}`, ...small);
  }

  function neighbour(row, of) {
    const relation = same(row, of) ? "right" : differ(row, of) ? "wrong" : "open";
    const words = { right: ", the same class", wrong: ", another class", open: "" }[relation];
    const button = element(
      "button",
      {
        type: "button",
        className: relation,
        title: file(row) || name(row),
        ariaLabel: `${name(row)}${words}`,
      },
      picture(row),
      element("span", {}, label(now.labels[row])),
    );
    button.addEventListener("click", () => {
      turn(row, true);
      byId("chosen").querySelector("li button")?.focus();
    });
    return element("li", {}, button);
  }

  function turn(row, withNeighbours = false) {
    choose(row, withNeighbours);
    Plotly.relayout(plot, { shapes: marks() });
  }

  // ---- keyboard ----

  /** The nearest shown point within 45° of a way, at least `least` away. */
  function next(row, [right, up], least) {
    let best = row;
    let nearest = Infinity;
    for (let other = 0; other < now.count; other++) {
      const [x, y] = [now.x[other] - now.x[row], now.y[other] - now.y[row]];
      const along = x * right + y * up;
      const aside = Math.abs(x * up - y * right);
      const distance = Math.hypot(x, y);
      if (along > least && aside <= along && distance < nearest && shown(other)) {
        [best, nearest] = [other, distance];
      }
    }
    return best;
  }

  /** Where the keyboard starts: in the middle of what is seen. */
  function middle() {
    const centre = ({ range }) => (range[0] + range[1]) / 2;
    const [x, y] = [centre(plot.layout.xaxis), centre(plot.layout.yaxis)];
    const distance = (row) => Math.hypot(now.x[row] - x, now.y[row] - y);
    const rows = [...now.labels.keys()].filter(shown);
    return rows.reduce((a, b) => (distance(b) < distance(a) ? b : a));
  }

  function onKey(event) {
    const { key, target } = event;
    if (target !== plot || event.ctrlKey || event.altKey || event.metaKey) return;
    if (key in WAYS) {
      const [low, high] = plot.layout.xaxis.range;
      const least = event.shiftKey ? (high - low) / 12 : 0;
      turn(chosen === null ? middle() : next(chosen, WAYS[key], least));
    } else if (key === "Enter") {
      turn(chosen ?? middle(), true);
    } else if (key === "Escape") {
      turn(null);
    } else return;
    event.preventDefault();
  }

  // ---- pointer ----

  function hover({ points: [{ customdata: row }], event }) {
    const tip = byId("tip");
    tip.replaceChildren(picture(row), caption(row));
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    const left =
      event.clientX + 16 + width > innerWidth ? event.clientX - 16 - width : event.clientX + 16;
    tip.style.left = `${Math.max(left, 4)}px`;
    tip.style.top = `${Math.max(event.clientY - 12 - height, 4)}px`;
  }

  // ---- classes ----

  function legend() {
    const open = scatters.some(({ labels }) => decode(labels).includes(-1)) ? [-1] : [];
    const buttons = [...coloured, ...open].map((c) => {
      const button = element("button", { type: "button", ariaPressed: "false" });
      const i = ranks.get(c);
      const fill = c < 0 ? "fill: none; stroke: var(--quiet)" : `fill: var(--class-${colourOf(i)})`;
      button.innerHTML =
        `<svg viewBox="-11 -11 22 22" aria-hidden="true" style="${fill}; stroke-width: 3">` +
        `<path d="${(c < 0 ? SHAPES[0] : shapeOf(i))[1]}"/></svg>`;
      button.append(label(c));
      button.addEventListener("click", () => {
        if (!only.delete(c)) only.add(c);
        button.ariaPressed = String(only.has(c));
        draw();
      });
      return button;
    });
    const others = classes.length - coloured.length;
    const rest = `${others} other classes, with no more images each, are grey.`;
    document.querySelector(".classes").append(...buttons, others ? element("span", {}, rest) : "");
  }

  const setting = byId("setting");
  setting.append(...scatters.map(({ title }, i) => element("option", { value: i }, title)));
  setting.addEventListener("change", () => load(Number(setting.value)));
  legend();
  setting.value = opened;
  load(opened);
  plot.on("plotly_hover", hover);
  plot.on("plotly_unhover", () => (byId("tip").hidden = true));
  plot.on("plotly_click", ({ points: [{ customdata: row }] }) => {
    turn(row, true);
    plot.focus({ preventScroll: true });
  });
  plot.addEventListener("keydown", onKey);
  addEventListener("themed", draw);
}

// plotly comes after this script: the tables work while it is read.
addEventListener("DOMContentLoaded", async () => {
  if (typeof Plotly === "undefined") return;
  if (byId("sheet").src) await byId("sheet").decode();
  explore(JSON.parse(byId("data").textContent));
});
