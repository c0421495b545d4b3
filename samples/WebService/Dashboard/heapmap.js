"use strict";

// The map: a box for each SuperSlab, eight by four cells in it for its units.

const COLUMNS = 8, ROWS = 4, CELL = 11, GAP = 1, BOX_GAP = 8;
const BOX_WIDTH = COLUMNS * (CELL + GAP) + 5;
const BOX_HEIGHT = ROWS * (CELL + GAP) + 5;
const TINY_BYTES = 1024;

// As the service numbers them.
const KIND = { clean: 0, dirty: 1, span: 2, grown: 3, large: 4, changing: 5, guarded: 6 };

const MAP_LEGEND = [
  { color: "--tiny", text: "span of blocks up to 1 KiB" },
  { color: "--mid", text: "span of blocks up to 1 MiB" },
  { color: "--grown", text: "block grown in place" },
  { color: "--large", text: "block above 1 MiB" },
  { color: "--guarded", text: "guarded block and its guard pages" },
  { color: "--dirty", text: "free, may hold pages" },
  { color: "--clean", text: "free, known to be zero" },
  { color: "--changing", text: "just changing" },
];

const isTiny = bytes => bytes <= TINY_BYTES;

function cellColor(colors, slab, unit) {
  switch (slab.unitKinds[unit]) {
    case KIND.span: return isTiny(slab.blockBytes[unit]) ? colors.tiny : colors.mid;
    case KIND.grown: return colors.grown;
    case KIND.large: return colors.large;
    case KIND.guarded: return colors.guarded;
    case KIND.dirty: return colors.dirty;
    case KIND.changing: return colors.changing;
    default: return colors.clean;
  }
}

function drawMap(canvas, slabs) {
  const width = canvas.parentElement.clientWidth;
  const perRow = Math.max(1, Math.floor((width + BOX_GAP) / (BOX_WIDTH + BOX_GAP)));
  const height = Math.max(1, Math.ceil(slabs.length / perRow)) * (BOX_HEIGHT + BOX_GAP);
  canvas.style.height = `${height}px`;
  const context = prepareCanvas(canvas, width, height);
  const colors = Object.fromEntries(
    ["tiny", "mid", "grown", "large", "guarded", "dirty", "clean", "changing", "line", "quiet"].map(name => [name, css(`--${name}`)]));
  const boxes = slabs.map((slab, index) => ({
    slab,
    x: (index % perRow) * (BOX_WIDTH + BOX_GAP),
    y: Math.floor(index / perRow) * (BOX_HEIGHT + BOX_GAP),
  }));
  for (const box of boxes) {
    drawBox(context, colors, box);
  }

  return boxes;
}

function drawBox(context, colors, { slab, x, y }) {
  context.strokeStyle = slab.kind === "Spans" || slab.kind === "LargeRun" ? colors.quiet : colors.line;
  context.lineWidth = 1;
  context.strokeRect(x + 0.5, y + 0.5, BOX_WIDTH - 1, BOX_HEIGHT - 1);
  for (let unit = 0; unit < slab.unitKinds.length; unit++) {
    const left = x + 3 + (unit % COLUMNS) * (CELL + GAP);
    const top = y + 3 + Math.floor(unit / COLUMNS) * (CELL + GAP);
    context.fillStyle = cellColor(colors, slab, unit);
    if (slab.unitKinds[unit] === KIND.span) {
      // A faint whole cell, and from its foot a full one as high as the share of blocks that are out.
      const share = slab.blocksOut[unit] / slab.blockCounts[unit];
      const filled = Math.max(1, Math.round(share * CELL));
      context.globalAlpha = 0.28;
      context.fillRect(left, top, CELL, CELL);
      context.globalAlpha = 1;
      context.fillRect(left, top + CELL - filled, CELL, filled);
    } else {
      context.fillRect(left, top, CELL, CELL);
    }
  }
}

// What is under a point of the canvas, in words; null where nothing is.
function describeAt(boxes, x, y) {
  const box = boxes.find(each => x >= each.x && x < each.x + BOX_WIDTH && y >= each.y && y < each.y + BOX_HEIGHT);
  if (!box) {
    return null;
  }

  const column = Math.min(COLUMNS - 1, Math.max(0, Math.floor((x - box.x - 3) / (CELL + GAP))));
  const row = Math.min(ROWS - 1, Math.max(0, Math.floor((y - box.y - 3) / (CELL + GAP))));
  return describe(box.slab, row * COLUMNS + column);
}

function describe(slab, unit) {
  const where = `SuperSlab ${slab.address}, unit ${unit}: `;
  switch (slab.unitKinds[unit]) {
    case KIND.span: {
      const share = Math.round(100 * slab.blocksOut[unit] / slab.blockCounts[unit]);
      return `${where}span of ${slab.blockCounts[unit].toLocaleString("en")} blocks of ${formatBytes(slab.blockBytes[unit])}, ${slab.blocksOut[unit].toLocaleString("en")} of them out (${share} %).`;
    }
    case KIND.grown: return `${where}part of a block that grew in place.`;
    case KIND.large: return `${where}part of a block of whole SuperSlabs${slab.runLength > 0 ? `, ${slab.runLength} from here on` : ""}.`;
    case KIND.guarded: return `${where}part of the range of a guarded block, live or in quarantine.`;
    case KIND.dirty: return `${where}free; its pages may be in memory.`;
    case KIND.changing: return `${where}just being taken or given back.`;
    default: return `${where}free and known to be zero.`;
  }
}
