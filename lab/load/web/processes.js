// The content of the Processes tab. Locust's page knows the tab by name only; this script shows its own panel in <main>
// while that tab is chosen, and above all: the arm, a choice of the others, and the end of the session.

const EVERY_MS = 1000;
const SHOWN_S = 300; // the charts show the last five minutes
const WIDTH = 640, HEIGHT = 240, LEFT = 64, RIGHT = 12, TOP = 20, BOTTOM = 28;
// Okabe-Ito, one hue for each role; processes of one role differ in lightness.
const HUES = { proxy: [26, 100, 42], supervisor: [327, 45, 60], helper: [0, 0, 55], worker: [202, 100, 35] };
const STEP = 9; // per cent of lightness between two processes of one role

const WORDS = { ready: "is up", deploying: "is being deployed", failed: "is not up", ending: "is being taken down", gone: "is gone" };

const points = [];
let latest = 0;
let live = null;
let wanted = ""; // the arm chosen in the selector; empty: the one that is up

function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) key in made ? (made[key] = value) : made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function drawn(name, attributes, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

const arm = element("span", { className: "arm" });
const state = element("span", { className: "state" });
const choice = element("select", { ariaLabel: "Arm to deploy", onchange: () => { wanted = choice.value; render(); } });
const change = element("button", { type: "button", onclick: () => ask("switch", { arm: choice.value }) });
const menu = element("select", { ariaLabel: "Disturb the arm", hidden: true, onchange: act });
const end = element("button", { type: "button", textContent: "End and keep the session", onclick: () => ask("end", {}) });
const message = element("p", { className: "message", role: "alert" });
const body = element("tbody"), foot = element("tfoot");
const memory = element("div", { className: "chart" }), cpu = element("div", { className: "chart" });
const legend = element("p", { className: "note" });
const acts = element("tbody");
const done = element("div", { hidden: true }, element("h3", {}, "What was done to this arm"),
  element("div", { className: "scroll" }, element("table", { className: "acts" }, acts)));
const details = element("div", {},
  element("div", { className: "scroll" }, element("table", {}, heading(), body, foot)),
  legend,
  done,
  element("div", { className: "charts" }, memory, cpu));
const closed = element("p", { className: "note" },
  "Closed model: each user sends its next request once the last one is answered. The scenario's rate does not apply here.");
const workers = element("p", { className: "note", hidden: true });
const panel = element("section", { id: "lab", hidden: true, ariaLabel: "Arm and processes" },
  element("div", { className: "bar" }, element("span", {}, "Arm "), arm, state, choice, change, menu, end), message, closed, workers, details);

function heading() {
  const titles = [["role"], ["pid", 1], ["service"], ["CPU", 1], ["PSS", 1], ["share of requests"]];
  const cells = titles.map(([text, number]) => element("th", { scope: "col", className: number ? "number" : "" }, text));
  return element("thead", {}, element("tr", {}, ...cells));
}

async function ask(what, question) {
  change.disabled = end.disabled = true;
  try {
    const answer = await fetch(`./lab/${what}`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(question),
    });
    const told = await answer.json();
    if (told.message) message.textContent = told.message;
  } finally {
    await look();
  }
}

// One plain question, and the menu is back at its title whatever the answer is.
function act() {
  const wish = live.verbs.find(({ verb }) => verb === menu.value);
  menu.value = "";
  if (wish && confirm(`${live.arm}: ${wish.deed}. Do it now?`)) ask("act", { verb: wish.verb });
}

async function look() {
  try {
    const answer = await fetch(`./lab/live?since=${latest}`);
    if (!answer.ok) throw new Error(String(answer.status));
    live = await answer.json();
  } catch {
    live = live && { ...live, state: "gone", message: "The session has ended: this page is no longer served." };
    render();
    return false;
  }
  const fresh = live.points.filter(({ number }) => number > latest); // two looks may have crossed
  points.push(...fresh);
  latest = fresh.at(-1)?.number ?? latest;
  while (points.length && points[0].t_s < live.now_s - SHOWN_S) points.shift();
  render();
  return true;
}

const chosen = () => document.querySelector('main [role="tab"][aria-selected="true"]')?.textContent === "Processes";
const started = () => document.querySelector('main [role="tablist"]') !== null;

// React rebuilds <main> when it likes: the panel is put back at its end, and shown where it belongs.
function place() {
  const main = document.querySelector("main");
  if (main && main.lastElementChild !== panel) main.append(panel);
  const here = chosen() || !started();
  if (panel.classList.contains("before") === started()) panel.classList.toggle("before", !started());
  if (panel.hidden === here) panel.hidden = !here;
  if (details.hidden === chosen()) details.hidden = !chosen();
  if (closed.hidden !== started()) closed.hidden = started();
  guardStart();
}

// START waits for the arm, and what Locust says of a start that came too early goes when it is up.
function guardStart() {
  const start = started() ? null : document.querySelector('main form button[type="submit"]');
  if (!start || !live) return;
  const few = live.workers && live.workers.ready < live.workers.of;
  const ready = live.state === "ready" && !few;
  if (start.disabled === ready) start.disabled = !ready;
  const waits = live.state === "ready" ? "the workers of Locust are not all ready" : `${live.arm} ${WORDS[live.state]}`;
  start.title = ready ? "" : `${waits}: wait`;
  start.classList.toggle("waits", !ready);
  for (const box of document.querySelectorAll('main .MuiAlert-root')) {
    box.style.display = ready && box.textContent.includes("is not up yet") ? "none" : ""; // its class beats the attribute hidden
  }
}

function render() {
  place();
  if (!live) return;
  arm.textContent = live.arm;
  state.textContent = WORDS[live.state];
  state.className = `state ${live.state}`;
  if (choice.options.length !== live.arms.length) choice.replaceChildren(...live.arms.map((name) => new Option(name)));
  if (!live.arms.includes(wanted)) wanted = "";
  choice.value = wanted || live.arm;
  if (choice.value === live.arm) wanted = "";
  change.textContent = choice.value === live.arm ? "Redeploy" : `Switch to ${choice.value}`;
  choice.disabled = change.disabled = !["ready", "failed"].includes(live.state);
  end.disabled = ["ending", "gone"].includes(live.state);
  offer();
  workers.hidden = !live.workers;
  if (live.workers) workers.textContent = crew(live.workers);
  message.hidden = !live.message;
  if (live.message) message.textContent = live.message;
  if (!panel.hidden && !details.hidden) draw();
}

// The numbers of Locust's own pages are its own; the session has a row for each request.
function crew({ ready, of }) {
  const several = of > 1 ? "s" : "";
  return `${ready} of ${of} worker${several} of Locust ready. What Locust's own pages show is what its master gets from ` +
    `the worker${several} every 3 seconds; the session keeps every request, measured by the lab.`;
}

// Only what this arm can do, and nothing while something is being done to it.
function offer() {
  const now = live.state === "ready" ? live.verbs : [];
  menu.hidden = !now.length;
  menu.disabled = live.busy;
  const title = live.busy ? "Working…" : "Disturb the arm…", shown = [title, ...now.map(({ verb }) => verb)].join();
  if (menu.dataset.shown === shown) return; // else an open menu would close each second
  menu.dataset.shown = shown;
  menu.replaceChildren(new Option(title, ""), ...now.map(({ verb, deed }) => element("option", { value: verb, title: deed }, verb)));
}

const story = () => (live.state === "ready" ? live.acts : []);

function tell() {
  done.hidden = !story().length;
  acts.replaceChildren(...story().toReversed().map(({ t_s, what, to }) => element("tr", {},
    cell(`${Math.max(0, live.now_s - t_s).toFixed(1)} s ago`, true), cell(what), cell(to))));
}

function draw() {
  const now = points.at(-1)?.visit === live.visit && live.state === "ready" ? points.at(-1).processes : [];
  const colours = colouring(now), several = new Set(now.map(({ node }) => node)).size > 1;
  body.replaceChildren(...now.map((process) => row(process, colours, several)));
  foot.replaceChildren(...(now.length ? sums(now) : []));
  tell();
  legend.textContent = !now.length ? "" :
    "CPU in per cent of one core over the last two seconds. Share: of the answers since this arm came up" +
    (now.some((each) => each.share !== null) ? "; the dashed mark is an even share." : ", once it is known who gave them.");
  memory.replaceChildren(...chart("Memory (PSS) by process", "MiB", (each) => each.pss_bytes === null ? null : each.pss_bytes / 2 ** 20));
  cpu.replaceChildren(...chart("CPU by process", "% of a core", (each) => each.cpu === null ? null : each.cpu * 100));
}

// One row for each role, and one for all; a sum that lacks a part is missing, never partial.
function sums(now) {
  const roles = [...new Set(now.map((each) => each.role))];
  const groups = roles.length > 1 ? roles.map((role) => [role, now.filter((each) => each.role === role)]) : [];
  return [...groups, ["sum", now]].map(([title, those]) => {
    const sum = (key) => those.reduce((total, each) => (total === null || each[key] === null ? null : total + each[key]), 0);
    const counted = title === "sum" ? `sum of ${those.length} process${those.length > 1 ? "es" : ""}` : `${those.length} × ${title}`;
    return element("tr", {}, element("td", { colSpan: 3 }, counted),
      cell(percent(sum("cpu")), true), cell(mebibytes(sum("pss_bytes")), true), cell(""));
  });
}

const key = ({ node, pid }) => `${node} ${pid}`; // each machine gives out the same pids
const cell = (text, number) => element("td", { className: number ? "number" : "" }, text);
const percent = (cores) => (cores === null ? "–" : `${(cores * 100).toFixed(0)}%`);
const mebibytes = (bytes) => (bytes === null ? "–" : `${(bytes / 2 ** 20).toFixed(1)} MiB`);

function row(process, colours, several) {
  const colour = colours.get(key(process));
  const role = element("td", {}, swatch(colour), process.role);
  return element("tr", {}, role, cell(String(process.pid), true),
    cell(several ? `${process.service} on ${process.node}` : process.service),
    cell(percent(process.cpu), true), cell(mebibytes(process.pss_bytes), true), share(process, colour));
}

function swatch(colour) {
  const made = element("span", { className: "swatch" });
  made.style.background = colour;
  return made;
}

function share(process, colour) {
  if (process.share === null) return cell("");
  const fill = element("div", { className: "fill" }), even = element("div", { className: "even" });
  fill.style.width = `${process.share * 100}%`;
  fill.style.background = colour;
  even.style.left = `${100 / live.processes}%`;
  const bar = element("div", { className: "share" },
    element("div", { className: "track" }, fill, even), element("span", {}, `${(process.share * 100).toFixed(1)}%`));
  return element("td", {}, bar);
}

// Processes of one arm get their colours in the order of the table: by role, then from dark to light.
function colouring(processes) {
  const seen = {};
  return new Map(processes.map((process) => {
    const { role } = process;
    const [hue, saturation, lightness] = HUES[role] ?? HUES.helper;
    const place = (seen[role] = (seen[role] ?? -1) + 1);
    return [key(process), `hsl(${hue} ${saturation}% ${lightness + (place * STEP) % 36}%)`];
  }));
}

// One line for each process of each visit, with a mark where another arm came up.
function chart(title, unit, valueOf) {
  const until = live.now_s, from = Math.max(0, until - SHOWN_S);
  const span = Math.max(30, until - from);
  const series = new Map(), switches = new Map();
  for (const point of points) {
    if (!switches.has(point.visit)) switches.set(point.visit, point);
    const colours = colouring(point.processes);
    for (const process of point.processes) {
      const name = `${point.visit}/${key(process)}`, value = valueOf(process);
      if (value === null) continue;
      const { line = [] } = series.get(name) ?? {};
      line.push([point.t_s, value]);
      series.set(name, { colour: colours.get(key(process)), line }); // that of now: what starts has no role yet
    }
  }
  const highest = Math.max(1e-9, ...[...series.values()].flatMap(({ line }) => line.map(([, value]) => value)));
  const step = niceStep(highest / 4), top = Math.ceil(highest / step) * step;
  const x = (t_s) => LEFT + ((t_s - (until - span)) / span) * (WIDTH - LEFT - RIGHT);
  const y = (value) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM);
  const svg = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}, ${unit}` });
  for (let value = 0; value <= top + step / 2; value += step) {
    svg.append(drawn("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }),
      drawn("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, String(Number(value.toPrecision(6)))));
  }
  for (const part of [1, 2 / 3, 1 / 3, 0]) {
    const text = part ? `−${Math.round(span * part)} s` : "now";
    svg.append(drawn("text", { x: x(until - span * part), y: HEIGHT - 8, "text-anchor": part === 1 ? "start" : part ? "middle" : "end" }, text));
  }
  for (const [visit, point] of switches) {
    if (x(point.t_s) < LEFT) continue;
    if (visit > 1) svg.append(drawn("line", { class: "switch", x1: x(point.t_s), x2: x(point.t_s), y1: TOP, y2: HEIGHT - BOTTOM }));
    const late = x(point.t_s) > (LEFT + WIDTH - RIGHT) / 2; // right of it there may be no room for the name
    svg.append(drawn("text", { x: x(point.t_s) + (late ? -3 : 3), y: TOP - 7, "text-anchor": late ? "end" : "start" }, point.arm));
  }
  for (const { t_s, what } of story()) {
    if (x(t_s) < LEFT || x(t_s) > WIDTH - RIGHT) continue;
    const mark = drawn("line", { class: "act", x1: x(t_s), x2: x(t_s), y1: TOP, y2: HEIGHT - BOTTOM });
    mark.append(drawn("title", {}, what));
    svg.append(mark);
  }
  for (const { colour, line } of series.values()) {
    svg.append(drawn("polyline", { class: "line", stroke: colour, points: line.map(([t_s, value]) => `${x(t_s).toFixed(1)},${y(value).toFixed(1)}`).join(" ") }));
  }
  return [element("h3", {}, `${title} (${unit})`), svg];
}

function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) * power;
}

new MutationObserver(place).observe(document.getElementById("root"), {
  subtree: true, childList: true, attributes: true, attributeFilter: ["aria-selected"],
});
document.getElementById("root").addEventListener("click", () => setTimeout(render));

for (;;) {
  const served = await look();
  if (!served) break;
  await new Promise((resume) => setTimeout(resume, EVERY_MS));
}
