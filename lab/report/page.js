"use strict";
// What scripts add to a page that is whole without them: values under the pointer or by key, zoom, arms on and off, dark.
const all = (where, selector) => [...where.querySelectorAll(selector)];
const tip = document.getElementById("tip");
const readable = (value) => String(Number(value.toPrecision(4))).replace("-", "−");
// Values come back from places, which are known to a tenth of a pixel: no more digits than that.
const placed = (kind, value, tenth) =>
  readable(kind === "linear" ? Number(value.toFixed(Math.min(9, Math.max(0, Math.floor(-Math.log10(tenth)))))) : value);
const INVERSE = {
  linear: (low, high, part) => low + (high - low) * part,
  log: (low, high, part) => low * (high / low) ** part,
  nines: (low, high, part) => low + (high - low) * part,
};
const WARMUP = "Show the warm-up";
const asQuantile = (nines) => `p${Number((100 * (1 - 10 ** -nines)).toFixed(Math.max(1, Math.ceil(nines))))}`;

function say(lines, x, y) {
  tip.replaceChildren(...lines.filter(Boolean).map((line) => Object.assign(document.createElement("div"), { textContent: line })));
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - box.width - 8))}px`;
  tip.style.top = `${y + 18 + box.height > innerHeight ? y - box.height - 12 : y + 18}px`;
}

function panelOf(node) {
  const [kind, low, high] = node.dataset.x.split(" ");
  const [yKind, yLow, yHigh] = node.dataset.y.split(" ");
  const [width, height] = node.dataset.size.split(" ").map(Number);
  const [xName, yName] = node.dataset.names.split("|");
  const panel = {
    node, width, height, kind, xName, yName, view: [0, 1], least: Number(node.dataset.least ?? 0), plot: node.querySelector(".plot"),
    valueX: (x) => INVERSE[kind](+low, +high, x / width),
    valueY: (y) => INVERSE[yKind](+yLow, +yHigh, 1 - y / height),
    sayX: (value) => placed(kind, value, (high - low) / width / 10),
    sayY: (y) => placed(yKind, panel.valueY(y), (yHigh - yLow) / height / 10),
    placeX: (value) => ((value - low) / (high - low)) * width,
    lines: all(node, ".line").map((line) => ({
      line, name: line.dataset.name,
      points: [...line.getAttribute("d").matchAll(/[ML](-?[\d.]+),(-?[\d.]+)/g)].map((found) => [+found[1], +found[2]]),
    })),
    rows: all(node, ".heat-row"),
    phases: all(node, ".phase-name").map((name) => [name.textContent, +name.dataset.low, +name.dataset.high]),
  };
  panel.inside = (event) => {
    const matrix = panel.plot.getScreenCTM().inverse();
    return [matrix.a * event.clientX + matrix.e, matrix.d * event.clientY + matrix.f];
  };
  panel.onScreen = (x, y) => {
    const matrix = panel.plot.getScreenCTM();
    return [matrix.a * x + matrix.e, matrix.d * y + matrix.f];
  };
  return panel;
}

const phaseAt = (panel, value) => {
  const phase = panel.phases.find(([, low, high]) => value >= low && value < high);
  return phase ? ` (${phase[0]})` : "";
};

function nameOfX(panel, x) {
  const value = panel.valueX(x);
  return panel.kind === "nines" ? asQuantile(value) : `${panel.xName}: ${panel.sayX(value)}${phaseAt(panel, value)}`;
}

const linePoint = (panel, own, [x, y]) => [own.name, nameOfX(panel, x), `${panel.yName}: ${panel.sayY(y)}`];

function heatCell(panel, row, place) {
  const share = row.dataset.shares.split(" ")[place], bin = +row.dataset.bin, start = +row.dataset.start + place * bin;
  return share === undefined ? null : [row.dataset.name, `from second ${readable(start)}${phaseAt(panel, start + bin / 2)}`,
    share === "-" ? "no requests" : `${share}% of the requests`];
}

function nearest(panel, event) {
  let best = null;
  for (const own of panel.lines) {
    if (own.line.closest(".off")) continue;
    for (const [x, y] of own.points) {
      const [left, top] = panel.onScreen(x, y);
      const away = Math.hypot(left - event.clientX, (top - event.clientY) * 1.5);
      if (away < 45 && (!best || away < best.away)) best = { away, own, x, y, left, top };
    }
  }
  return best;
}

function hover(panel, event) {
  const [x, y] = panel.inside(event);
  const row = panel.rows.find((own) => y >= +own.dataset.top && y < +own.dataset.top + +own.dataset.height);
  if (row) {
    const lines = heatCell(panel, row, Math.floor((panel.valueX(x) - row.dataset.start) / row.dataset.bin));
    if (lines) say(lines, event.clientX, event.clientY);
    return Boolean(lines);
  }
  const best = nearest(panel, event);
  if (best) say(linePoint(panel, best.own, [best.x, best.y]), best.left, best.top);
  return Boolean(best);
}

function niceTicks(low, high) {
  const least = (high - low) / 8, power = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= least * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, place) => Number(((first + place) * step).toPrecision(9)));
}

function show(panel, from, to) {
  panel.view = [from, to];
  panel.plot.setAttribute("viewBox", `${from * panel.width} 0 ${(to - from) * panel.width} ${panel.height}`);
  const holder = panel.node.querySelector(".ticks");
  panel.ticks ??= [...holder.children];
  let ticks = panel.ticks;
  if (panel.kind === "linear" && ticks.length && (from !== 0 || to !== 1)) {
    ticks = niceTicks(panel.valueX(from * panel.width), panel.valueX(to * panel.width)).map((value) => {
      const tick = panel.ticks[0].cloneNode(true), text = tick.querySelector("text");
      tick.dataset.value = value;
      if (text) text.textContent = String(value).replace("-", "−");
      return tick;
    });
  }
  for (const tick of ticks) {
    const part = (panel.placeX(+tick.dataset.value) / panel.width - from) / (to - from);
    tick.setAttribute("transform", `translate(${part * panel.width} ${panel.height})`);
    tick.classList.toggle("off", part < -1e-6 || part > 1 + 1e-6);
  }
  holder.replaceChildren(...ticks);
  for (const name of all(panel.node, ".phase-name")) {
    const [left, right] = [name.dataset.low, name.dataset.high].map((value) =>
      Math.min(1, Math.max(0, (panel.placeX(+value) / panel.width - from) / (to - from))) * panel.width);
    name.setAttribute("x", (left + right) / 2);
    name.classList.toggle("off", right - left < 6.4 * name.textContent.length);
  }
}

function zoomable(figure, panels) {
  const reset = figure.closest("figure").querySelector(".reset");
  const own = panels.filter((panel) => panel.node.dataset.zoom);
  const least = Math.min(0, ...own.map((panel) => panel.least));
  const isWhole = () => own[0].view[0] === 0 && own[0].view[1] === 1;
  const set = (from, to) => {
    [from, to] = [Math.max(least, from), Math.min(1, to)];
    if (to - from < 0.005) return;
    own.forEach((panel) => show(panel, from, to));
    if (!reset) return;
    reset.hidden = isWhole() && least === 0;
    reset.textContent = isWhole() ? WARMUP : "Back";
  };
  const scale = (factor) => {
    const [from, to] = own[0].view, middle = (from + to) / 2, half = ((to - from) / 2) * factor;
    set(middle - half, middle + half);
  };
  figure.addEventListener("dblclick", () => own.length && set(0, 1));
  return { own, set, scale, toggle: () => (isWhole() ? set(least, 1) : set(0, 1)) };
}

function drag(panel, event, set) {
  const start = panel.inside(event)[0];
  const mark = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  mark.setAttribute("class", "choice");
  mark.setAttribute("height", panel.height);
  panel.plot.append(mark);
  const ends = (later) => [start, panel.inside(later)[0]].map((x) => Math.min(panel.width, Math.max(panel.least * panel.width, x))).sort((a, b) => a - b);
  const move = (later) => {
    const [left, right] = ends(later);
    mark.setAttribute("x", left);
    mark.setAttribute("width", right - left);
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", (later) => {
    removeEventListener("pointermove", move);
    mark.remove();
    const [left, right] = ends(later);
    if (right - left > panel.width * 0.01) set(left / panel.width, right / panel.width);
  }, { once: true });
  event.preventDefault();
}

// Everything that has a value, as rows of functions that say it: the marks, every line, every row of a heat map.
function stopsOf(figure, panels) {
  const marks = all(figure, ".mark").filter((mark) => !mark.closest(".off")).map((mark) => () => {
    const box = mark.getBoundingClientRect();
    say([mark.getAttribute("aria-label")], box.right, box.top);
  });
  const lines = panels.flatMap((panel) => panel.lines.filter((own) => !own.line.classList.contains("faint")).map((own) =>
    own.line.closest(".off") ? [] : own.points.filter(([x]) => inView(panel, x)).map((point) => () =>
      say(linePoint(panel, own, point), ...panel.onScreen(...point)))));
  const cells = panels.flatMap((panel) => panel.rows.map((row) =>
    row.closest(".off") ? [] : row.dataset.shares.split(" ").flatMap((_, place) => {
      const x = panel.placeX(+row.dataset.start + (place + 0.5) * row.dataset.bin);
      const y = +row.dataset.top + row.dataset.height / 2;
      return inView(panel, x) ? [() => say(heatCell(panel, row, place), ...panel.onScreen(x, y))] : [];
    })));
  return [marks, ...lines, ...cells].filter((row) => row.length);
}

const inView = (panel, x) => x >= panel.view[0] * panel.width - 0.1 && x <= panel.view[1] * panel.width + 0.1;

function byKey(figure, panels, zoom) {
  let row = 0, place = -1;
  figure.addEventListener("keydown", (event) => {
    const along = { ArrowRight: 1, ArrowLeft: -1 }[event.key], across = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (along || across) {
      const stops = stopsOf(figure, panels);
      if (stops.length < (across ? 2 : 1)) return;
      row = Math.min(stops.length - 1, Math.max(0, row + (place < 0 ? 0 : across || 0)));
      place += (along || 0) * (event.shiftKey ? 10 : 1);
      if (place >= stops[row].length && along && row < stops.length - 1) [row, place] = [row + 1, 0];
      else if (place < 0 && along && row > 0) [row, place] = [row - 1, stops[row - 1].length - 1];
      place = Math.min(stops[row].length - 1, Math.max(0, place));
      stops[row][place]();
    } else if (event.key === "Escape") tip.hidden = true;
    else if (zoom.own.length && "+=-0".includes(event.key)) event.key === "0" ? zoom.set(0, 1) : zoom.scale(event.key === "-" ? 2 : 0.5);
    else return;
    event.preventDefault();
  });
  figure.addEventListener("blur", () => { tip.hidden = true; });
}

for (const title of all(document, ".figure .mark > title, .figure .line > title, .figure .heat-row > title")) {
  title.parentNode.dataset.name = title.textContent;
  title.parentNode.setAttribute("aria-label", title.textContent);
  title.remove(); // or the browser's own hint would cover ours
}
for (const figure of all(document, "svg.figure")) {
  let panels = null;
  const ready = () => (panels ??= all(figure, ".panel").map(panelOf));
  let zoom = null;
  const prepare = () => { zoom ??= zoomable(figure, ready()); return zoom; };
  figure.setAttribute("tabindex", "0");
  const reset = figure.closest("figure").querySelector(".reset");
  reset.hidden = !figure.querySelector("[data-least]");
  reset.textContent = WARMUP;
  reset.addEventListener("click", () => prepare().toggle());
  figure.addEventListener("pointermove", (event) => {
    const mark = event.target.closest(".mark"), panel = ready().find((own) => own.node.contains(event.target));
    if (mark) say([mark.dataset.name], event.clientX, event.clientY);
    else if (!panel || !hover(panel, event)) tip.hidden = true;
  });
  figure.addEventListener("pointerleave", () => { tip.hidden = true; });
  figure.addEventListener("pointerdown", (event) => {
    const panel = ready().find((own) => own.node.contains(event.target) && own.node.dataset.zoom);
    if (panel && event.button === 0 && event.pointerType !== "touch") drag(panel, event, prepare().set);
  });
  figure.addEventListener("focus", () => { if (!figure.dataset.keys) { figure.dataset.keys = "on"; byKey(figure, ready(), prepare()); } });
}

document.getElementById("tools").hidden = false;
for (const box of all(document, "#tools input")) {
  box.addEventListener("change", () => {
    for (const part of all(document, `.arm[data-arm="${box.value}"]`)) part.classList.toggle("off", !box.checked);
  });
}
const dark = document.getElementById("dark");
const setDark = (on) => {
  document.documentElement.dataset.theme = on ? "dark" : "light";
  dark.setAttribute("aria-pressed", on);
};
dark.setAttribute("aria-pressed", matchMedia("(prefers-color-scheme: dark)").matches);
dark.addEventListener("click", () => setDark(dark.getAttribute("aria-pressed") !== "true"));
// What a link leads to is opened, and what is around it: not every browser does the latter, and none the former.
function openTarget(address) {
  const target = document.getElementById(address.slice(1));
  for (let part = target?.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
}
addEventListener("hashchange", () => openTarget(location.hash));
addEventListener("click", (event) => {
  if (event.target.closest?.("#bar nav a")) document.getElementById("menu").checked = false;
});
addEventListener("click", (event) => { // the address stays the same where the link was followed before
  const link = event.target.closest?.('a[href^="#"]');
  if (link) openTarget(link.hash);
});
openTarget(location.hash);
let opened = [];
addEventListener("beforeprint", () => { opened = all(document, "details:not([open])"); opened.forEach((part) => { part.open = true; }); });
addEventListener("afterprint", () => opened.forEach((part) => { part.open = false; }));
