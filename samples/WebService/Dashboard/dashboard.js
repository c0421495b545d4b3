"use strict";

const POLL_MS = 500;

// What takes the service some milliseconds to find out.
const PROCESS_POLL_MS = 3_000;
const LONGEST_SPAN_MS = 120_000;
const SHORTEST_SPAN_MS = 30_000;
const TOP_CLASSES = 10;
const TOP_ROWS = 10;
const LOAD_SECONDS = 60;

const MEMORY_LINES = [
  { key: "committed", color: "--committed", name: "committed" },
  { key: "live", color: "--live", name: "live" },
  { key: "cached", color: "--cached", name: "cached" },
];
const RENT_LINES = [{ key: "rents", color: "--rents", name: "rents" }];

const byId = id => document.getElementById(id);
const points = [];
let previous = null;
let latest = null;
let boxes = [];

function formatBytes(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) {
    bytes /= 1024;
    unit++;
  }

  return `${bytes.toLocaleString("en", { maximumFractionDigits: bytes < 10 && unit > 0 ? 2 : bytes < 100 && unit > 0 ? 1 : 0 })} ${units[unit]}`;
}

const formatCount = count => Math.round(count).toLocaleString("en");

function setText(id, text) {
  byId(id).textContent = text;
}

function showFigures(report, rentsPerSecond, requestsPerSecond) {
  const heap = report.heap;
  setText("live", formatBytes(heap.liveBytes));
  setText("live-detail", `in ${formatCount(heap.liveBlocks)} blocks that callers hold`);
  setText("cached", formatBytes(heap.cachedBytes));
  setText("cached-detail", `free, in ${heap.threadCaches} thread caches and the depots`);
  setText("committed", formatBytes(heap.committedBytes));
  setText("committed-detail", `${formatBytes(heap.dirtyBytes)} dirty, peak ${formatBytes(heap.peakCommittedBytes)}`);
  setText("rents", `${formatCount(rentsPerSecond)} /s`);
  setText("rents-detail", `${formatCount(report.rents)} in all, ${formatCount(requestsPerSecond)} requests/s`);
  setText("managed", formatBytes(report.managed.heapBytes));
  setText("managed-detail",
    `${report.managed.gen0} collections, ${report.managed.gen2} full; ${report.managed.pauseMs.toLocaleString("en", { maximumFractionDigits: 1 })} ms paused`);
  const regions = report.regions;
  setText("regions", formatBytes(regions.count > 0 ? regions.totalBytes / regions.count : 0));
  setText("regions-detail", `on average of ${formatCount(regions.count)}; the largest ${formatBytes(regions.mostBytes)}`);
  byId("start").disabled = report.isLoaded;
  byId("stop").disabled = !report.isLoaded;
  const status = byId("status");
  status.className = "";
  status.textContent = `${report.isLoaded ? "under load" : "idle"} · ${formatBytes(report.managed.residentBytes)} resident in the whole process`;
}

function showClasses(classes) {
  const rows = [...classes].sort((a, b) => b.spanBytes - a.spanBytes).slice(0, TOP_CLASSES).map(each => {
    const row = document.createElement("tr");
    for (const text of [formatBytes(each.blockBytes), formatCount(each.liveBlocks), formatCount(each.cachedBlocks), formatCount(each.spans), formatBytes(each.spanBytes)]) {
      const cell = document.createElement("td");
      cell.textContent = text;
      row.append(cell);
    }

    const live = 100 * each.liveBlocks * each.blockBytes / each.spanBytes;
    const cached = 100 * each.cachedBlocks * each.blockBytes / each.spanBytes;
    const cell = document.createElement("td");
    const share = document.createElement("div");
    cell.className = "bar";
    share.className = "share";
    share.title = `${live.toFixed(1)} % live, ${cached.toFixed(1)} % cached`;
    for (const [name, width] of [["live", live], ["cached", cached]]) {
      const part = document.createElement("i");
      part.className = name;
      part.style.width = `${Math.max(0, width)}%`;
      share.append(part);
    }

    cell.append(share);
    row.append(cell);
    return row;
  });
  byId("classes").replaceChildren(...rows);
}

// Rows of text; a column whose name is given is set to the left.
function showRows(id, rows, leftColumns) {
  byId(id).replaceChildren(...rows.map(texts => {
    const row = document.createElement("tr");
    texts.forEach((text, column) => {
      const cell = document.createElement("td");
      cell.className = leftColumns[column] ?? "";
      cell.textContent = text;
      row.append(cell);
    });
    return row;
  }));
}

function showTags(tags) {
  showRows(
    "tags",
    tags.map(tag => [tag.path, formatBytes(tag.liveBytes), formatBytes(tag.peakBytes), formatCount(tag.refusedCount)]),
    ["name"]);
}

function showProcess(report) {
  setText("process-summary", `${formatBytes(report.residentBytes)} resident, ${(100 * report.attributedShare).toFixed(1)} % of it attributed; the ten largest parts`);
  showRows("process", report.rows.slice(0, TOP_ROWS).map(row => [row.name, formatBytes(row.residentBytes)]), ["name"]);
  setText("profile-summary", `the stacks with the most live bytes, by samples of ${formatBytes(report.sampledBytes)} in all`);
  showRows(
    "profile",
    report.stacks.map(stack => [formatBytes(stack.inUseBytes), formatCount(stack.inUseObjects), stack.frames.join(" ← ")]),
    [undefined, undefined, "name stack"]);
}

function draw() {
  if (!latest) {
    return;
  }

  const last = points[points.length - 1];
  fillLegend(byId("memory-legend"), MEMORY_LINES.map(line => ({ color: line.color, text: `${line.name} ${last[line.key].toFixed(1)} MiB`, isLine: true })));
  fillLegend(byId("rents-legend"), RENT_LINES.map(line => ({ color: line.color, text: `${line.name} ${formatCount(last[line.key])} /s`, isLine: true })));

  // The axis grows with what there is to show.
  const spanMs = Math.min(LONGEST_SPAN_MS, Math.max(SHORTEST_SPAN_MS, last.at - points[0].at));
  drawLines(byId("memory-chart"), points, MEMORY_LINES, spanMs);
  drawLines(byId("rents-chart"), points, RENT_LINES, spanMs);
  boxes = drawMap(byId("heap-map"), latest.superSlabs);
  const shown = latest.superSlabs.length;
  const kinds = kind => latest.superSlabs.filter(slab => slab.kind === kind).length;
  setText("map-summary",
    `${fragmentation(latest.heap)}${latest.superSlabCount} SuperSlabs${shown < latest.superSlabCount ? `, the first ${shown} shown` : ""}: ` +
    `${kinds("Spans")} with spans, ${kinds("LargeRun")} in large blocks, ${kinds("CachedDirty")} empty and warm, ${kinds("CachedClean")} empty and clean`);
}

// The share of the pages that may be in memory which callers use.
function fragmentation(heap) {
  return heap.dirtyBytes > 0 ? `live over dirty ${(100 * heap.liveBytes / heap.dirtyBytes).toFixed(0)} % · ` : "";
}

function show(report) {
  const seconds = previous ? (report.atMs - previous.atMs) / 1000 : 0;
  const rate = key => seconds > 0 ? Math.max(0, report[key] - previous[key]) / seconds : 0;
  const point = {
    at: report.atMs,
    live: report.heap.liveBytes / 1048576,
    cached: report.heap.cachedBytes / 1048576,
    committed: report.heap.committedBytes / 1048576,
    rents: rate("rents"),
  };
  points.push(point);
  while (points[0].at < report.atMs - LONGEST_SPAN_MS - POLL_MS) {
    points.shift();
  }

  latest = report;
  showFigures(report, point.rents, rate("requests"));
  showTags(report.heap.tags);
  showClasses(report.heap.sizeClasses);
  draw();
  previous = report;
}

// Gives null where no whole report came.
async function fetchReport(path) {
  try {
    const response = await fetch(path);
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

function showLost() {
  const status = byId("status");
  status.className = "lost";
  status.textContent = "The service does not answer; trying again.";
}

// An error in showing a report is the page's own: it goes to the console, and the next report is tried.
async function poll() {
  try {
    const report = await fetchReport("api/heap");
    if (report) {
      show(report);
    } else {
      showLost();
    }
  } finally {
    setTimeout(poll, POLL_MS);
  }
}

async function pollProcess() {
  try {
    const report = await fetchReport("api/process");
    if (report) {
      showProcess(report);
    }
  } finally {
    setTimeout(pollProcess, PROCESS_POLL_MS);
  }
}

byId("start").addEventListener("click", () => fetch(`api/load?seconds=${LOAD_SECONDS}`, { method: "POST" }));
byId("stop").addEventListener("click", () => fetch("api/load", { method: "DELETE" }));
byId("trim").addEventListener("click", () => fetch("api/trim", { method: "POST" }));
byId("heap-map").addEventListener("mousemove", event => {
  const text = describeAt(boxes, event.offsetX, event.offsetY);
  if (text) {
    setText("map-detail", text);
  }
});
window.addEventListener("resize", draw);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
fillLegend(byId("map-legend"), MAP_LEGEND);
poll();
pollProcess();
